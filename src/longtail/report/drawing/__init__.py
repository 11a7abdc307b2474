"""Small figures as SVG text: scales, panels with axes, and marks, in colours and the font of the page."""
