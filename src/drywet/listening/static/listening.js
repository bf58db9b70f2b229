"use strict";
// The screens of a listening test: welcome, practice, trials, answers. Names are text here, never markup.

const test = JSON.parse(document.getElementById("test-data").textContent);
const items = new Map(test.items.map((item) => [item.id, item]));
const screen = document.getElementById("screen");
const progress = document.getElementById("progress");
const isMushra = test.kind === "mushra";
const GRADES = ["Bad", "Poor", "Fair", "Good", "Excellent"];
const FIRST_VOLUME_DB = -12; // quiet first; nobody's ears should find out how loud their headphones are set

const seedGiven = /^#seed=(\d{1,10})$/.exec(location.hash);
const seed = seedGiven ? Number(seedGiven[1]) >>> 0 : crypto.getRandomValues(new Uint32Array(1))[0];
const random = drywet.random(seed);
const answers = {
  format: 1, test: test.test, kind: test.kind, listener: "", seed, started: new Date().toISOString(), finished: null,
  volume_db: FIRST_VOLUME_DB, practice: [], trials: [], comment: "",
};
let audio = null; // the context and its volume, made at the first click as browsers demand
let deck = null;
let keys = () => {};
let unsaved = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input[type=text], textarea")) return;
  keys(event);
});
window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const key = (text) => make("kbd", {}, text);
const paragraph = (...children) => make("p", {}, ...children);

function show(title, ...children) {
  deck?.pause();
  deck = null;
  keys = () => {};
  const heading = make("h2", { tabIndex: -1 }, title);
  screen.replaceChildren(heading, ...children);
  heading.focus();
  window.scrollTo(0, 0);
}

function complain(error) {
  show("Something went wrong", make("p", { className: "notice", role: "alert" }, `${error.message}. Please tell whoever gave you this test.`), ...saveParts());
}

function readyAudio() {
  if (audio === null) {
    const context = new AudioContext({ sampleRate: test.sampleRate, latencyHint: "interactive" });
    const volume = context.createGain();
    volume.gain.value = 10 ** (answers.volume_db / 20);
    volume.connect(context.destination);
    audio = { context, volume };
  }
  return audio.context.resume();
}

async function loadDeck(identities) {
  const sounds = await Promise.all(identities.map((identity) => drywet.load(audio.context, identity)));
  return new drywet.Deck(audio.context, new Map(identities.map((identity, i) => [identity, sounds[i]])), audio.volume);
}

function welcome() {
  const name = make("input", { type: "text", id: "listener", maxLength: 80, autocomplete: "off" });
  const volume = make("input", {
    type: "range", id: "volume", min: -40, max: 0, step: 1, value: FIRST_VOLUME_DB,
    oninput: () => { answers.volume_db = Number(volume.value); if (audio) audio.volume.gain.value = 10 ** (answers.volume_db / 20); },
  });
  const level = make("button", { type: "button", className: "quiet", onclick: listenToLevel }, "Play a sound");
  async function listenToLevel() {
    try {
      await readyAudio();
      deck ??= await loadDeck([test.items[0].reference]);
      if (deck.playing) deck.pause(); else deck.start();
      level.textContent = deck.playing ? "Stop" : "Play a sound";
    } catch (error) { complain(error); }
  }
  async function begin() {
    answers.listener = name.value.trim();
    try { await readyAudio(); } catch (error) { return complain(error); }
    unsaved = true;
    return run(plan(), 0);
  }
  const count = test.trials.length;
  show(
    "Before you begin",
    isMushra
      ? paragraph(`You will hear ${count} short excerpt${count === 1 ? "" : "s"}, each in several versions, and rate how close every version comes to the reference, from 0 (bad) to 100 (excellent: no difference). One of the versions is the reference itself, so on every screen at least one should get 100.`)
      : paragraph(`There are ${count} short trials. In each you can play A, B and X as often as you like: X is either A or B, and you say which. Often the difference is small or not there at all; when you cannot tell, guess.`),
    paragraph("Use headphones in a quiet room. All versions are equally loud and run together, so switching stays at the same note. It begins with a practice round that does not count."),
    make("div", { className: "card" },
      make("label", { htmlFor: "listener" }, "Name or nickname (may stay empty)"), name,
      make("label", { htmlFor: "volume" }, "Volume: set it now so that it is comfortable, then leave it alone"), volume, level),
    make("button", { type: "button", id: "begin", className: "main", onclick: begin }, "Begin with practice"),
  );
}

// What will be heard, in this listener's own order.
function plan() {
  const first = test.items[0];
  const screens = [];
  if (isMushra) {
    screens.push({ practice: true, item: first, order: drywet.shuffle(first.sounds, random) });
    for (const trial of drywet.shuffle(test.trials, random)) {
      const item = items.get(trial.item);
      screens.push({ practice: false, item, order: drywet.shuffle(item.sounds, random) });
    }
    return screens;
  }
  const pair = (item, sound) => {
    const [a, b] = drywet.shuffle([item.reference, sound], random);
    return { item, a, b, x: random() < 0.5 ? a : b };
  };
  for (const sound of [...first.practice, ...first.practice].slice(0, 2)) screens.push({ practice: true, ...pair(first, sound) });
  for (const trial of drywet.shuffle(test.trials, random)) screens.push({ practice: false, ...pair(items.get(trial.item), trial.sound) });
  return screens;
}

async function run(screens, number) {
  const place = screens[number];
  if (place === undefined) return finish();
  const before = screens.slice(0, number).filter((each) => !each.practice).length;
  const count = screens.filter((each) => !each.practice).length;
  progress.textContent = place.practice ? "Practice" : `${before + 1} of ${count}`;
  show("Loading the sounds …");
  try {
    deck = await loadDeck([...new Set(isMushra ? [place.item.reference, ...place.order] : [place.a, place.b])]);
    const done = (answer) => {
      (place.practice ? answers.practice : answers.trials).push(answer);
      run(screens, number + 1);
    };
    return (isMushra ? rate : tell)(place, deck, done);
  } catch (error) { return complain(error); }
}

function showTrial(title, loaded, ...children) {
  show(title, ...children);
  deck = loaded;
}

// Play, position and the part that is repeated; the same on every trial.
function transport(loaded, changed) {
  const play = make("button", { type: "button", id: "play", onclick: toggle }, "▶");
  const seek = make("input", { type: "range", id: "seek", min: 0, max: loaded.frames - 1, step: 1, value: 0, "aria-label": "Position", oninput: () => loaded.seek(Number(seek.value)) });
  const time = make("output", { className: "time" });
  const range = make("span", { className: "range" }, "repeats the whole excerpt");
  const shortest = Math.round(loaded.rate / 2);
  function toggle() {
    if (loaded.playing) loaded.pause(); else loaded.start();
    changed();
    follow();
  }
  function repeat(from, to) {
    if (to - from < shortest) return;
    loaded.repeat(from, to);
    const whole = from === 0 && to === loaded.frames;
    range.textContent = whole ? "repeats the whole excerpt" : `repeats ${(from / loaded.rate).toFixed(1)} to ${(to / loaded.rate).toFixed(1)} s`;
  }
  const loopFrom = () => repeat(loaded.position, loaded.range[1] - loaded.position < shortest ? loaded.frames : loaded.range[1]);
  const loopTo = () => repeat(loaded.range[0], loaded.position);
  const loopAll = () => repeat(0, loaded.frames);
  function follow() {
    play.textContent = loaded.playing ? "❚❚" : "▶";
    play.setAttribute("aria-label", loaded.playing ? "Pause" : "Play");
    time.textContent = `${(loaded.position / loaded.rate).toFixed(1)} / ${loaded.seconds.toFixed(1)} s`;
    if (document.activeElement !== seek) seek.value = loaded.position;
    if (loaded.playing && deck === loaded) requestAnimationFrame(follow);
  }
  follow();
  const part = make("div", { className: "transport" }, play, seek, time,
    make("div", { className: "loop" },
      make("button", { type: "button", className: "quiet", onclick: loopFrom }, "Loop from here ", key("[")),
      make("button", { type: "button", className: "quiet", onclick: loopTo }, "Loop to here ", key("]")),
      make("button", { type: "button", className: "quiet", onclick: loopAll }, "Whole ", key("0")), range));
  const press = (event) => {
    if (event.key === " ") { event.preventDefault(); if (!event.repeat) toggle(); }
    else if (event.key === "[") loopFrom();
    else if (event.key === "]") loopTo();
    else if (event.key === "0") loopAll();
    else return false;
    return true;
  };
  return { part, press, begin: () => { if (!loaded.playing) toggle(); } };
}

function listenButton(label, shortcut, onclick) {
  return make("button", { type: "button", className: "sound", "aria-pressed": "false", onclick }, make("b", {}, label), key(shortcut));
}

// MUSHRA: every version of one excerpt on one screen.
function rate(place, loaded, done) {
  const started = performance.now();
  const heard = new Set();
  const ratings = new Map();
  let switches = 0;
  let chosen = null; // null: the reference
  const move = transport(loaded, draw);
  const letters = place.order.map((_, i) => String.fromCharCode(65 + i));
  const reference = listenButton("Reference", "R", () => hear(null));
  const rows = place.order.map((sound, i) => {
    const listen = listenButton(letters[i], letters[i], () => hear(i));
    const value = make("output", { className: "score" }, "–");
    const slider = make("input", { type: "range", min: 0, max: 100, step: 1, value: 0, className: "rating unrated", "aria-label": `Rating of ${letters[i]}`,
      oninput: () => { set(i, Number(slider.value)); }, onfocus: () => { if (loaded.playing) hear(i); else { chosen = i; draw(); } } });
    return { sound, listen, slider, value, part: make("div", { className: "row" }, listen, slider, value) };
  });
  const next = make("button", { type: "button", id: "next", className: "main", disabled: true, onclick: leave }, "Next");
  const missing = make("p", { className: "missing", "aria-live": "polite" });

  function hear(i) {
    chosen = i;
    const sound = i === null ? place.item.reference : rows[i].sound;
    if (sound !== loaded.heard) switches += 1;
    loaded.hear(sound);
    move.begin();
    if (i !== null) heard.add(i);
    // The arrow keys belong to the version that is heard.
    if (document.activeElement.classList.contains("rating")) (i === null ? reference : rows[i].slider).focus();
    draw();
  }
  function set(i, score) {
    ratings.set(i, Math.max(0, Math.min(100, score)));
    rows[i].slider.value = ratings.get(i);
    rows[i].slider.classList.remove("unrated");
    rows[i].value.textContent = String(ratings.get(i));
    draw();
  }
  function draw() {
    reference.setAttribute("aria-pressed", String(loaded.playing && chosen === null));
    rows.forEach((row, i) => {
      row.listen.setAttribute("aria-pressed", String(loaded.playing && chosen === i));
      row.part.classList.toggle("chosen", chosen === i);
    });
    const unheard = letters.filter((_, i) => !heard.has(i));
    const unrated = letters.filter((_, i) => !ratings.has(i));
    next.disabled = unheard.length + unrated.length > 0;
    missing.textContent = unheard.length ? `Not yet heard: ${unheard.join(", ")}` : unrated.length ? `Not yet rated: ${unrated.join(", ")}` : "All heard and rated. One of them is the reference: has one got 100?";
  }
  function leave() {
    done({
      item: place.item.id, order: place.order, ratings: Object.fromEntries(rows.map((row, i) => [row.sound, ratings.get(i)])),
      seconds: (performance.now() - started) / 1000, switches,
    });
  }
  showTrial(
    place.practice ? `Practice: ${place.item.name}` : place.item.name, loaded,
    place.practice ? make("p", { className: "notice" }, "These ratings do not count. Find out how much the versions differ, and how the keys work.") : "",
    move.part, reference,
    make("div", { className: "card ratings" }, make("div", { className: "grades", "aria-hidden": "true" }, ...GRADES.map((grade) => make("span", {}, grade))), ...rows.map((row) => row.part)),
    missing, next,
    make("p", { className: "hint" }, key("space"), " plays and pauses, ", key("R"), " reference, ", key("A"), " … ", key(letters.at(-1)), " versions, ", key("↑"), " ", key("↓"), " rate the version that is heard (with ", key("shift"), " by ten), ", key("enter"), " goes on."),
  );
  draw();
  keys = (event) => {
    if (move.press(event)) return;
    const i = letters.indexOf(event.key.toUpperCase());
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (event.key.toLowerCase() === "r") hear(null);
    else if (i >= 0) hear(i);
    else if (step && chosen !== null) { event.preventDefault(); set(chosen, (ratings.get(chosen) ?? 0) + step * (event.shiftKey ? 10 : 1)); }
    else if (event.key === "Enter" && !next.disabled && !event.target.closest("button")) leave();
  };
}

// ABX: X is A or B.
function tell(place, loaded, done) {
  const started = performance.now();
  const sounds = { A: place.a, B: place.b, X: place.x };
  const heard = new Set();
  let switches = 0;
  let chosen = "A";
  let answer = null;
  const move = transport(loaded, draw);
  const listen = Object.fromEntries(Object.keys(sounds).map((name) => [name, listenButton(name, name, () => hear(name))]));
  const choices = Object.fromEntries(["A", "B"].map((name) => [name,
    make("button", { type: "button", className: "sound", "aria-pressed": "false", onclick: () => say(name) }, make("b", {}, `X is ${name}`), key(name === "A" ? "←" : "→"))]));
  const next = make("button", { type: "button", id: "next", className: "main", disabled: true, onclick: leave }, "Next");
  const missing = make("p", { className: "missing", "aria-live": "polite" });

  function hear(name) {
    if (name !== chosen) switches += 1;
    chosen = name;
    loaded.hear(sounds[name]);
    move.begin();
    heard.add(name);
    draw();
  }
  function say(name) {
    answer = name;
    draw();
    if (place.practice && heard.size === 3) missing.textContent = sounds[answer] === place.x ? `Right: X was ${answer}.` : `No: X was ${answer === "A" ? "B" : "A"}. Listen again, then go on.`;
  }
  function draw() {
    for (const [name, button] of Object.entries(listen)) button.setAttribute("aria-pressed", String(loaded.playing && chosen === name));
    for (const [name, button] of Object.entries(choices)) button.setAttribute("aria-pressed", String(answer === name));
    const unheard = Object.keys(sounds).filter((name) => !heard.has(name));
    next.disabled = unheard.length > 0 || answer === null;
    if (unheard.length) missing.textContent = `Not yet heard: ${unheard.join(", ")}`;
    else if (answer === null) missing.textContent = "Which one is X? When you cannot tell, guess.";
    else if (!place.practice) missing.textContent = `X is ${answer}.`;
  }
  function leave() {
    done({ item: place.item.id, a: place.a, b: place.b, x: place.x, answer: sounds[answer], seconds: (performance.now() - started) / 1000, switches });
  }
  showTrial(
    place.practice ? `Practice: ${place.item.name}` : place.item.name, loaded,
    place.practice ? make("p", { className: "notice" }, "This does not count, and tells you whether you were right.") : "",
    move.part, make("div", { className: "sounds" }, listen.A, listen.X, listen.B),
    make("div", { className: "sounds" }, choices.A, choices.B), missing, next,
    make("p", { className: "hint" }, key("space"), " plays and pauses, ", key("A"), " ", key("B"), " ", key("X"), " listen, ", key("←"), " X is A, ", key("→"), " X is B, ", key("enter"), " goes on."),
  );
  draw();
  keys = (event) => {
    if (move.press(event)) return;
    const name = event.key.toUpperCase();
    const said = { ArrowLeft: "A", ArrowRight: "B" }[event.key];
    if (name in sounds) hear(name);
    else if (said && event.target.id !== "seek") say(said);
    else if (event.key === "Enter" && !next.disabled && !event.target.closest("button")) leave();
  };
}

function finish() {
  answers.finished = new Date().toISOString();
  progress.textContent = "Done";
  const comment = make("textarea", { id: "comment", rows: 4, maxLength: 2000, oninput: () => { answers.comment = comment.value; } });
  show("Thank you", make("div", { className: "card" }, make("label", { htmlFor: "comment" }, "Anything to say about the sounds or the test?"), comment), ...saveParts());
}

function saveParts() {
  const state = make("p", { className: "missing", role: "status" });
  const served = location.protocol.startsWith("http");
  const save = make("button", { type: "button", id: "save", className: served ? "quiet" : "main", onclick: download }, "Save my answers as a file");
  const send = make("button", { type: "button", id: "send", className: "main", onclick: hand }, "Hand in my answers");
  function download() {
    const address = URL.createObjectURL(new Blob([JSON.stringify(answers, null, 1)], { type: "application/json" }));
    make("a", { href: address, download: `answers-${test.test}-${seed}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    unsaved = false;
    state.textContent = "The file is in your downloads. Send it to whoever gave you this test.";
  }
  async function hand() {
    send.disabled = true;
    try {
      const reply = await fetch("answers", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(answers) });
      if (!reply.ok) throw new Error((await reply.text()).slice(0, 300) || `status ${reply.status}`);
      unsaved = false;
      state.textContent = "Your answers have arrived. You may close this page.";
    } catch (error) {
      send.disabled = false;
      state.textContent = `They did not arrive (${error.message}). Try again, or save them as a file.`;
    }
  }
  return [...(served ? [send, " "] : []), save, state];
}

welcome();
