// Puts a box above a column of boxes that chooses all of them; without it they are chosen one by one.
"use strict";
addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("form table")) {
    const boxes = [...table.querySelectorAll('tbody input[type="checkbox"]')];
    const place = table.querySelector("thead th");
    if (boxes.length < 2 || !place) continue;
    const all = document.createElement("input");
    all.type = "checkbox";
    all.setAttribute("aria-label", `Choose all ${boxes.length} on this page`);
    const look = () => {
      const count = boxes.filter(box => box.checked).length;
      all.checked = count === boxes.length;
      all.indeterminate = count > 0 && count < boxes.length;
    };
    all.addEventListener("change", () => boxes.forEach(box => { box.checked = all.checked; }));
    boxes.forEach(box => box.addEventListener("change", look));
    look();
    place.append(all);
  }
});
