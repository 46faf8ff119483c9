"""Read stories of cases, play them against the handlers, and say where one does not go as told."""

from csenet.gateway.stories.playing import Played, play
from csenet.gateway.stories.reading import Cast, Story, StoryError, read_stories

__all__ = ["Cast", "Played", "Story", "StoryError", "play", "read_stories"]
