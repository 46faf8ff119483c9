"""Two states and a simulated exchange on one machine, playing the story that the gateway exists for."""
