"""Pages to read, to print or to send: one HTML file each, with its pictures in it; they need the extra `report`.

page        what a page is made of: sections of texts, tables, facts, formulas and pictures
templates/  how each of these looks, and the style sheet; nothing else knows HTML
render      a page as HTML, and into its file
pictures    figures of matplotlib as SVG that follows the page: dark or light, and printed
origin      the command and the versions that made a page
appendix    the page of ``verify``: the appendix, equation by equation
learned     the page of ``fit``
graphs      the page of ``demo``
found       the pages of ``cluster`` and ``classify``

How to add a page
-----------------
Write a function that returns a `page.Page` of what its command has found. It makes no HTML, and knows no command: what
it shows is its arguments. Let the command call `render.require` before it works, and `render.write` afterwards.
"""
