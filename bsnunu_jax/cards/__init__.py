"""Run cards, comparison cards: what they may say and what they state."""
