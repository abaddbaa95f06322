"""What is read: the page, its notebooks, its bibliography."""
