"""Draws what a program wrote to a terminal (standard input, colours included) as an SVG."""
import html
import re
import sys

COLOURS = {"31": "#f66", "32": "#8d8", "33": "#dd7", "34": "#8af", "35": "#d8d", "36": "#7dd"}
WIDTH, HEIGHT, MARGIN = 8.4, 18, 14


def spans(line):
    style = ""
    for part in re.split(r"(\x1b\[[\d;]*m)", line):
        if part.startswith("\x1b"):
            codes = [code.lstrip("0") for code in part[2:-1].split(";")]
            style = "" if "" in codes else style
            style += "".join(' fill="%s"' % COLOURS[code] for code in codes if code in COLOURS)
            style += ' font-weight="bold"' if "1" in codes else ""
        elif part:
            yield "<tspan%s>%s</tspan>" % (style, html.escape(part))


def main():
    lines = sys.stdin.read().replace("\r", "").rstrip("\n").split("\n")
    columns = max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in lines)
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    print('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" fill="#ddd" '
          'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">' % (width, height))
    print('<rect width="100%" height="100%" rx="6" fill="#1c1c1c"/>')
    for number, line in enumerate(lines, 1):
        print('<text x="%d" y="%d" xml:space="preserve">%s</text>'
              % (MARGIN, MARGIN + number * HEIGHT - 4, "".join(spans(line))))
    print("</svg>")


main()
