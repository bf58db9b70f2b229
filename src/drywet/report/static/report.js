"use strict";
// Tables that sort and filter, and the listening desk. No library, no request: sounds are plain files beside the page.

document.documentElement.classList.add("scripted");

for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);
for (const table of document.querySelectorAll("table.filtered")) makeFiltered(table);
const deskData = document.getElementById("desk-data");
if (deskData) startDesk(JSON.parse(deskData.textContent));

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function makeSortable(table) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = element("button", { type: "button" }, header.textContent);
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      const descending = header.getAttribute("aria-sort") === "ascending";
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row) => [sortKey(row.cells[column]), row]);
      rows.sort(([a], [b]) => compare(a, b, descending));
      body.append(...rows.map(([, row]) => row));
    });
  });
}

function sortKey(cell) {
  const text = "sort" in cell.dataset ? cell.dataset.sort : cell.textContent.trim();
  if (text === "") return null; // unknown: always last
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function compare(a, b, descending) {
  if (a === null || b === null) return (a === null) - (b === null);
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return descending ? -order : order;
}

function makeFiltered(table) { // a list of levels for each column that is marked, and how many rows are left
  const rows = [...table.tBodies[0].rows];
  const wanted = new Map();
  const count = element("output", {});
  const show = () => {
    for (const row of rows) row.hidden = [...wanted].some(([column, text]) => text !== "" && row.cells[column].textContent !== text);
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  };
  const lists = [...table.tHead.rows[0].cells].flatMap((header, column) => {
    const levels = [...new Set(rows.map((row) => row.cells[column].textContent))];
    if (!("filter" in header.dataset) || levels.length < 2) return [];
    const list = element("select", { ariaLabel: `filter by ${header.textContent.trim()}` }, new Option("all", ""), ...levels.map((level) => new Option(level, level)));
    list.addEventListener("change", () => { wanted.set(column, list.value); show(); });
    return [element("label", {}, header.textContent.trim(), " ", list)];
  });
  if (lists.length) table.closest(".table").before(element("div", { className: "filters" }, ...lists, count));
  show();
}

function startDesk(data) {
  const desk = document.getElementById("desk");
  const players = Object.fromEntries([...desk.querySelectorAll("audio")].map((audio) => [audio.dataset.signal, audio]));
  const buttons = [...desk.querySelectorAll(".signal")];
  const [play, seek, time, now, outline, repeat, keysWork] = ["play", "seek", "time", "now", "outline", "repeat", "keys"].map((id) => document.getElementById(id));
  const apart = { heard: 0.1, silent: 0.03 }; // s; a seek is a gap, so the player that is heard is moved only if it must be
  let signal = "predicted";
  let position = 0; // s; kept here, because a player that is loading forgets it
  let playing = false;
  let settled = 0; // ms; when the silent players were last brought together with the one that is heard
  const active = () => players[signal];
  const chosen = (kind) => Number(desk.querySelector(`input[name="${kind}"]:checked`)?.value ?? 0);
  const model = (group, rank) => data.entries[group]?.[rank] ?? null;

  function load() {
    const [group, rank, clip] = [chosen("group"), chosen("rank"), chosen("clip")];
    desk.querySelectorAll('input[name="rank"]').forEach((input) => { input.disabled = !model(group, Number(input.value)); });
    const entry = model(group, rank)?.clips[clip];
    for (const [name, audio] of Object.entries(players)) {
      const address = entry?.[name] ?? null;
      if (audio.getAttribute("src") === address) continue;
      audio.pause();
      if (address) audio.src = address; else audio.removeAttribute("src");
      audio.load();
    }
    if (!entry) playing = false;
    buttons.forEach((button) => { button.disabled = !entry?.[button.dataset.signal]; });
    if (!entry?.[signal] && entry) signal = Object.keys(players).find((name) => entry[name]) ?? signal;
    const name = [data.clips[clip], model(group, rank)?.name].filter(Boolean).join(", model ");
    now.textContent = `${name}: ${entry ? entry.score : "no sound in this folder"}`;
    hear(signal);
  }

  function hear(name) {
    if (!players[name].hasAttribute("src")) { draw(); return; }
    if (!active().paused) position = active().currentTime;
    signal = name;
    settle();
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.signal === signal)));
    draw();
  }

  function settle() { // all players run together and one is heard, so that switching leaves no gap
    const tolerance = (audio) => (audio.paused ? 0.001 : audio === active() ? apart.heard : apart.silent);
    for (const audio of Object.values(players)) {
      audio.muted = audio !== active();
      if (audio.readyState === 0) continue; // again when its length is known
      if (Math.abs(audio.currentTime - position) > tolerance(audio)) audio.currentTime = Math.min(position, audio.duration);
      if (!playing) audio.pause();
      else if (audio.paused && !audio.ended) audio.play().catch(() => { if (audio === active()) { playing = false; draw(); } });
    }
  }

  function moveTo(seconds) {
    position = seconds;
    settle();
    draw();
  }

  function toggle() {
    if (!active().paused) position = active().currentTime;
    playing = !playing;
    if (playing && position >= active().duration - 0.01) position = 0;
    settle();
    draw();
  }

  function draw() {
    const audio = active();
    const fraction = audio.duration ? Math.min(1, position / audio.duration) : 0;
    play.textContent = playing ? "❚❚" : "▶";
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    time.textContent = `${position.toFixed(1)} / ${(audio.duration || 0).toFixed(1)} s`;
    seek.value = fraction;
    seek.setAttribute("aria-valuetext", `${position.toFixed(1)} seconds`);
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [outline.clientWidth, outline.clientHeight];
    if (outline.width !== Math.round(width * ratio)) { outline.width = Math.round(width * ratio); outline.height = Math.round(height * ratio); }
    const pen = outline.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(desk.querySelector(`.signal.${signal}`));
    const peaks = data.peaks[audio.getAttribute("src")] ?? [];
    const top = Math.max(1, ...["wet", "predicted"].flatMap((name) => data.peaks[players[name].getAttribute("src")] ?? []), ...(signal === "dry" ? peaks : []));
    const step = width / Math.max(1, peaks.length);
    peaks.forEach((peak, i) => {
      const half = Math.max(0.75, (peak / top) * (height / 2 - 2));
      pen.globalAlpha = i / peaks.length <= fraction ? 1 : 0.38;
      pen.fillStyle = style.getPropertyValue("--colour");
      pen.fillRect(i * step, height / 2 - half, Math.max(1, step - 1), 2 * half);
    });
    pen.globalAlpha = 1;
    pen.fillStyle = getComputedStyle(desk).color;
    pen.fillRect(Math.min(width - 2, fraction * width), 0, 2, height);
  }

  function follow(stamp) {
    if (!active().paused) {
      position = active().currentTime;
      if (stamp - settled > 1000) { settled = stamp; settle(); }
      requestAnimationFrame(follow);
    }
    draw();
  }

  function finish() {
    position = repeat.checked ? 0 : active().duration;
    playing = repeat.checked;
    settle();
    draw();
  }

  desk.addEventListener("change", (event) => { if (event.target.type === "radio") load(); });
  buttons.forEach((button) => button.addEventListener("click", () => hear(button.dataset.signal)));
  play.addEventListener("click", toggle);
  seek.addEventListener("input", () => moveTo(Number(seek.value) * (active().duration || 0)));
  outline.addEventListener("click", (event) => moveTo((event.offsetX / outline.clientWidth) * (active().duration || 0)));
  for (const audio of Object.values(players)) {
    audio.addEventListener("play", () => { if (audio === active()) follow(); });
    audio.addEventListener("loadedmetadata", () => { settle(); draw(); });
    audio.addEventListener("ended", () => { if (audio === active()) finish(); });
  }
  const keys = { a: "wet", b: "predicted", d: "dry", x: "difference" };
  document.addEventListener("keydown", (event) => {
    if (!keysWork.checked || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
    const key = event.key.toLowerCase();
    if (keys[key]) hear(keys[key]);
    else if (key === "s") hear(signal === "wet" ? "predicted" : "wet");
    else if (key === "r") repeat.checked = !repeat.checked;
    else if (key === " " && !event.target.closest("button, input, a, summary, .table")) { event.preventDefault(); toggle(); }
  });
  window.addEventListener("resize", draw);
  load();
}
