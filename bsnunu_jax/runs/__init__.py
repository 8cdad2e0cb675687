"""Result folders: whose they are, who may write, what is taken up again, and what is left."""
