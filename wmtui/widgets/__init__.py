"""What draws: widgets get frozen data and repaint the lines that changed."""
