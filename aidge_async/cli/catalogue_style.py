"""
The looks of a catalogue's sheet, over those of the small sheet, and its one script: two filters.

Without the script all rows are shown and no filter is.
"""

from typing import Final

from aidge_async.cli.sheet_style import STYLE as _SMALL

# `content-visibility` keeps rows off the screen from being laid out: with thousands of them that is what takes long.
STYLE: Final = (
    _SMALL
    + """
body { max-width: 92rem; padding-top: 2rem }
body > header h1 { font-size: clamp(1.6rem, 3.4vw, 2.3rem) }
nav { margin-top: .6rem; font-size: .875rem }
nav a, article a { color: inherit }
form {
  position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .5rem 1.2rem; align-items: center;
  margin: 1.2rem 0 0; padding: .7rem 0; background: var(--paper); border-bottom: 1px solid var(--line);
  font-size: .875rem;
}
form[hidden], article[hidden] { display: none }
fieldset { display: flex; flex-wrap: wrap; gap: .4rem; margin: 0; padding: 0; border: 0; min-width: 0 }
legend { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
fieldset input { position: absolute; opacity: 0 }
fieldset span {
  display: block; padding: .25rem .8rem; border: 1px solid var(--line); border-radius: 99rem; color: var(--soft);
  cursor: pointer; font-variant-numeric: tabular-nums;
}
fieldset b { font-weight: 600; color: var(--ink) }
fieldset input:checked + span { border-color: var(--ink); color: var(--ink); background: var(--card) }
fieldset input:focus-visible + span, .find input:focus-visible, a:focus-visible {
  outline: 2px solid var(--mark); outline-offset: 2px;
}
.find { display: flex; flex: 1 1 16rem; gap: .6rem; align-items: center; color: var(--soft) }
.find input {
  flex: 1; min-width: 0; max-width: 24rem; padding: .35rem .7rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--card); color: var(--ink); font: inherit;
}
output { color: var(--soft); font-variant-numeric: tabular-nums }
article {
  display: grid; grid-template-columns: minmax(0, 17rem) minmax(0, 1fr); gap: 1rem 2rem; margin: 0;
  padding: 1.3rem 0; border: 0; border-bottom: 1px solid var(--line);
  content-visibility: auto; contain-intrinsic-size: auto 19rem;
}
article h2 { font-size: 1.15rem }
.about .outcome { margin-top: .3rem }
.facts { margin: .4rem 0 0; color: var(--soft); font-size: .8rem; overflow-wrap: anywhere }
.about .error { margin: .6rem 0 0; padding: .4rem .7rem; font-size: .85rem }
.strip { display: flex; flex-wrap: wrap; gap: .9rem; margin: 0 }
.strip figure img, .strip .absent { width: auto; height: 15rem; max-width: 100%; object-fit: contain }
.strip .absent { aspect-ratio: 3 / 4 }
figure a { display: block }
figcaption { margin-top: .3rem }
.before figcaption { color: var(--mark) }
@media (max-width: 40rem) {
  article { grid-template-columns: minmax(0, 1fr); contain-intrinsic-size: auto 24rem }
  .strip { gap: .6rem }
  .strip figure img, .strip .absent { height: 11.5rem }
  form { position: static }
}
@media print { form { display: none } }
"""
)

SCRIPT: Final = """
'use strict';
{
  const form = document.querySelector('form'), told = form.querySelector('output'), find = form.elements.find;
  const rows = [...document.querySelectorAll('article')];
  let texts, soon;
  const show = () => {
    texts ??= rows.map(row => row.firstElementChild.textContent.toLowerCase());
    const outcome = form.elements.outcome.value, words = find.value.toLowerCase().split(/\\s+/);
    let shown = 0;
    rows.forEach((row, place) => {
      const fits = (!outcome || row.dataset.outcome === outcome) && words.every(word => texts[place].includes(word));
      row.hidden = !fits;
      shown += fits;
    });
    told.value = `${shown.toLocaleString('en')} of ${rows.length.toLocaleString('en')} shown`;
  };
  form.addEventListener('input', () => { clearTimeout(soon); soon = setTimeout(show, 80); });
  form.addEventListener('submit', event => { event.preventDefault(); show(); });
  document.addEventListener('keydown', event => {
    if (event.key === '/' && event.target !== find && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      find.focus();
    }
  });
  form.hidden = false;
}
"""
