"""
The sheet's looks: one style sheet, light and dark, screen and paper, no font and no picture from elsewhere.
"""

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --paper: #f5f2ec; --card: #fffdf9; --ink: #1f1d1a; --soft: #6b645a; --line: #ddd6ca; --mark: #a8441f;
  --good: #39684a; --bad: #a32a2a; --shade: 0 1px 2px rgb(60 50 30 / .10), 0 8px 24px rgb(60 50 30 / .07);
  --serif: ui-serif, "Iowan Old Style", Palatino, "Palatino Linotype", Georgia, "DejaVu Serif", serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161513; --card: #1f1d1a; --ink: #ece7de; --soft: #a39b8e; --line: #39352f; --mark: #e59a6c;
    --good: #8fc6a0; --bad: #f09a8e; --shade: 0 1px 2px rgb(0 0 0 / .4);
  }
}
* { box-sizing: border-box }
body {
  margin: 0 auto; padding: clamp(1.1rem, 4vw, 3.5rem); max-width: 82rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.55 var(--sans);
}
h1, h2 { font-family: var(--serif); font-weight: 500; line-height: 1.15; text-wrap: balance; overflow-wrap: anywhere }
h1 { margin: 0; font-size: clamp(1.9rem, 4.6vw, 3rem); letter-spacing: -.015em }
h2 { margin: 0; font-size: clamp(1.25rem, 2.4vw, 1.6rem) }
header p { margin: .6rem 0 0; color: var(--soft); max-width: 46rem }
.notice {
  display: inline-block; margin: 1.2rem 0 0; padding: .45rem .9rem; max-width: none;
  border: 1px solid currentcolor; border-radius: 99rem; color: var(--mark); font-size: .875rem; font-weight: 600;
}
article { margin-top: clamp(2rem, 5vw, 3.5rem); padding-top: clamp(1.1rem, 2.5vw, 1.6rem) }
article, body > footer { border-top: 1px solid var(--line) }
article > header { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; align-items: baseline }
.outcome { margin: 0; font-size: .875rem; font-weight: 600; color: var(--good) }
.outcome.bad { color: var(--bad) }
dl { display: flex; flex-wrap: wrap; gap: .15rem 1.5rem; margin: .45rem 0 0; font-size: .875rem }
dl div { display: flex; gap: .4rem; min-width: 0 }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
.id { font-family: var(--mono); font-size: .8rem; align-self: center }
.strip { display: grid; gap: clamp(.7rem, 1.6vw, 1.2rem); margin-top: 1.1rem; align-items: start }
.strip { grid-template-columns: repeat(var(--pictures, 3), minmax(0, var(--most))) }
.two { --pictures: 2 }
.four { --pictures: 4 }
.five { --pictures: 5 }
.portrait { --most: 20rem }
.square { --most: 22rem }
.landscape { --most: 26rem }
figure { margin: 0; min-width: 0 }
figure img, .absent { display: block; width: 100%; border-radius: 4px; background: var(--card) }
figure img { height: auto; box-shadow: var(--shade) }
.absent {
  display: grid; place-items: center; padding: 1.5rem; aspect-ratio: 4 / 5; text-align: center; color: var(--soft);
  border: 1px dashed var(--line); font-size: .9rem; overflow-wrap: anywhere;
}
figcaption {
  display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 .8rem; margin-top: .45rem;
  color: var(--soft); font-size: .8rem; font-variant-numeric: tabular-nums; white-space: nowrap;
}
figcaption b { color: var(--ink); font-weight: 600 }
.before figcaption b { color: var(--mark) }
.error { margin: 1rem 0 0; padding: .7rem 1rem; max-width: 60rem; overflow-wrap: anywhere }
.error { border-left: 3px solid var(--bad); background: var(--card) }
body > footer { margin-top: 4rem; padding-top: 1rem; font-size: .8rem; color: var(--soft) }
@media (max-width: 34rem) {
  .strip { grid-template-columns: repeat(2, minmax(0, 1fr)) }
  .strip.landscape { grid-template-columns: minmax(0, 1fr) }
  dl { gap: .1rem 1rem }
}
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --shade: none }
  article { break-inside: avoid }
}
"""
