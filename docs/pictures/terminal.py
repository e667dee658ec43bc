"""Draws what a program wrote to a terminal (standard input, colours included) as an SVG."""
import html
import re
import sys

COLOURS = {"31": "#ff6b68", "32": "#8d8", "33": "#dd7", "34": "#8af", "35": "#d8d", "36": "#7dd"}
BUTTONS = ("#ff5f57", "#febc2e", "#28c840")
WIDTH, HEIGHT, MARGIN, BAR = 8.43, 19, 16, 30
ESCAPE = re.compile(r"(\x1b\[[\d;]*m)")


def spans(line):
    style = ""
    prompt = re.match(r"\$ (?=.)", line)
    if prompt:
        yield '<tspan fill="#8a8a8a">%s</tspan>' % prompt[0]
        line, style = line[prompt.end():], ' fill="#fff" font-weight="bold"'
    for part in ESCAPE.split(line):
        if part.startswith("\x1b"):
            codes = [code.lstrip("0") for code in part[2:-1].split(";")]
            style = "" if "" in codes else style
            style += "".join(' fill="%s"' % COLOURS[code] for code in codes if code in COLOURS)
            style += ' font-weight="bold"' if "1" in codes else ""
        elif part:
            yield "<tspan%s>%s</tspan>" % (style, html.escape(part))


def main():
    lines = sys.stdin.read().replace("\r", "").rstrip("\n").split("\n")
    columns = max(len(ESCAPE.sub("", line)) for line in lines)
    width, height = columns * WIDTH + 2 * MARGIN, BAR + len(lines) * HEIGHT + 2 * MARGIN - 4
    print('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" '
          'fill="#d6d6d6" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">'
          % (width, height, width, height))
    print("<title>%s</title>" % html.escape(ESCAPE.sub("", lines[0])))
    print('<rect width="100%" height="100%" rx="8" fill="#1e1f22"/>')
    for number, colour in enumerate(BUTTONS):
        print('<circle cx="%d" cy="%d" r="6" fill="%s"/>' % (MARGIN + 6 + number * 20, BAR // 2 + 3, colour))
    for number, line in enumerate(lines, 1):
        print('<text x="%d" y="%d" xml:space="preserve">%s</text>'
              % (MARGIN, BAR + MARGIN + number * HEIGHT - 9, "".join(spans(line))))
    print("</svg>")


main()
