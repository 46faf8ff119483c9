// Draws charts from the values that stand in the page; without it the figures beside each chart say the same.
"use strict";
(() => {
  const INK = "#565c65", LINE = "#e6e8ea", BLUE = "#2378c3", RED = "#b50909";
  const font = '12px "Source Sans Pro Web", sans-serif';
  const bars = (place, data) => {
    const x = data.labels.map((_, i) => i);
    const draw = uPlot.paths.bars({ size: [0.7, 40] });
    const late = data.values.map((v, i) => (i === 0 ? v : null)), rest = data.values.map((v, i) => (i ? v : null));
    const axis = { stroke: INK, font, grid: { stroke: LINE, width: 1 }, ticks: { show: false } };
    return new uPlot({
      width: place.clientWidth, height: 124, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [-0.6, x.length - 0.4] }, y: { range: (u, min, max) => [0, Math.max(4, max)] } },
      axes: [
        { ...axis, grid: { show: false }, size: 28, values: (u, at) => at.map(i => (Number.isInteger(i) ? data.labels[i] ?? "" : "")), space: 60 },
        { ...axis, size: 32, values: (u, at) => at.map(v => (Number.isInteger(v) ? v : "")) },
      ],
      series: [{}, { fill: RED, paths: draw, points: { show: false } }, { fill: BLUE, paths: draw, points: { show: false } }],
    }, [x, late, rest], place);
  };
  const lines = (place, data) => new uPlot({
    width: place.clientWidth, height: 160, cursor: { show: false }, legend: { show: false },
    scales: { x: { time: false, range: [-0.2, data.labels.length - 0.8] }, y: { range: [0, 105] } },
    axes: [
      { stroke: INK, font, size: 28, grid: { show: false }, ticks: { show: false }, incrs: [1, 2, 3, 6], values: (u, at) => at.map(i => data.labels[i] ?? "") },
      { stroke: INK, font, size: 44, grid: { stroke: LINE }, values: (u, at) => at.map(v => v + " %") },
    ],
    series: [{}, ...data.series.map((s, i) => ({ label: s.label, stroke: [BLUE, "#4d8055", "#8168b3"][i % 3], width: 2 }))],
  }, [data.labels.map((_, i) => i), ...data.series.map(s => s.values)], place);
  const kinds = { bars, lines };
  addEventListener("DOMContentLoaded", () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const chart = kinds[place.dataset.chart](place, JSON.parse(place.dataset.values));
      addEventListener("resize", () => chart.setSize({ width: place.clientWidth, height: chart.height }));
    }
  });
})();
