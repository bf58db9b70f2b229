"use strict";
// All sounds of a screen run together on one clock; switching moves gains alone, so it cannot move time.

const drywet = (window.drywet = {});

drywet.FADE_SECONDS = 0.01;

// Linear, not equal-power: what is compared is nearly equal and sample-aligned, so its amplitudes add. An equal-power
// fade would swell by 3 dB in the middle; a linear one between equal sounds leaves no trace.
drywet.Deck = class {
  // buffers: Map of identity to AudioBuffer, all of one length and the context's sample rate.
  constructor(context, buffers, destination = context.destination) {
    this.context = context;
    this.buffers = buffers;
    this.destination = destination;
    const [first] = buffers.values();
    this.frames = first.length;
    this.rate = context.sampleRate;
    for (const buffer of buffers.values()) {
      if (buffer.length !== this.frames || buffer.sampleRate !== this.rate) throw new Error("sounds of unequal length or rate");
    }
    [this.heard] = buffers.keys();
    this.range = [0, this.frames]; // frames that are repeated
    this.rest = 0; // frame to go on from
    this.channels = null;
  }

  get playing() { return this.channels !== null; }
  get seconds() { return this.frames / this.rate; }

  // Frame under the needle.
  get position() {
    if (!this.playing) return this.rest;
    const [from, to] = this.range;
    const run = this.rest + Math.max(0, Math.round((this.context.currentTime - this.startedAt) * this.rate));
    return run < to ? run : from + ((run - from) % (to - from));
  }

  // Every sound starts at the same frame of the context, from the same frame of its own, before that frame is due.
  start(when = this.context.currentTime + 0.05) {
    if (this.playing) return;
    const [from, to] = this.range;
    if (this.rest < from || this.rest >= to) this.rest = from;
    this.startedAt = Math.ceil(when * this.rate) / this.rate;
    this.settledAt = this.startedAt;
    this.master = this.context.createGain();
    this.master.gain.setValueAtTime(0, 0);
    this.master.gain.setValueAtTime(0, this.startedAt);
    this.master.gain.linearRampToValueAtTime(1, this.startedAt + drywet.FADE_SECONDS);
    this.master.connect(this.destination);
    this.channels = new Map();
    for (const [identity, buffer] of this.buffers) {
      const source = this.context.createBufferSource();
      const gain = this.context.createGain();
      gain.gain.value = identity === this.heard ? 1 : 0;
      Object.assign(source, { buffer, loop: true, loopStart: from / this.rate, loopEnd: to / this.rate });
      source.connect(gain).connect(this.master);
      source.start(this.startedAt, this.rest / this.rate);
      this.channels.set(identity, { source, gain: gain.gain });
    }
  }

  // Fade over to another sound, as soon as the fade before has ended.
  hear(identity, when = this.context.currentTime + 0.005) {
    if (!this.buffers.has(identity) || identity === this.heard) return;
    if (this.playing) {
      const from = Math.ceil(Math.max(when, this.settledAt) * this.rate) / this.rate;
      this.settledAt = from + drywet.FADE_SECONDS;
      for (const [name, before, after] of [[this.heard, 1, 0], [identity, 0, 1]]) {
        const gain = this.channels.get(name).gain;
        gain.setValueAtTime(before, from);
        gain.linearRampToValueAtTime(after, this.settledAt);
      }
    }
    this.heard = identity;
  }

  pause() {
    if (!this.playing) return;
    this.rest = this.position;
    const now = this.context.currentTime;
    this.master.gain.cancelScheduledValues(0);
    this.master.gain.setValueAtTime(1, now);
    this.master.gain.linearRampToValueAtTime(0, now + drywet.FADE_SECONDS);
    for (const { source } of this.channels.values()) source.stop(now + drywet.FADE_SECONDS);
    this.channels = null;
  }

  // Changes of place or range restart all sounds, because moving the loop of each in turn would pull them apart.
  seek(frame) { this.#restart(() => { this.rest = Math.round(frame); }); }

  repeat(from, to) { this.#restart(() => { this.range = [Math.round(from), Math.round(to)]; }); }

  #restart(change) {
    const playing = this.playing;
    this.pause();
    change();
    if (playing) this.start();
  }
};

// Sounds arrive as scripts, because a page opened as a file may not read files.
const waiting = new Map();
drywet.receive = (identity, base64) => waiting.get(identity)?.(base64);

drywet.load = async (context, identity) => {
  const base64 = await new Promise((resolve, reject) => {
    waiting.set(identity, resolve);
    const script = document.createElement("script");
    script.src = `audio/${identity}.js`;
    script.onload = () => script.remove();
    script.onerror = () => reject(new Error(`the sound file audio/${identity}.js is missing`));
    document.head.append(script);
  });
  waiting.delete(identity);
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return context.decodeAudioData(bytes.buffer);
};

// Sequences that a number repeats: mulberry32 (T. Ettinger, public domain).
drywet.random = (seed) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};

drywet.shuffle = (values, random) => {
  const shuffled = [...values];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
  }
  return shuffled;
};
