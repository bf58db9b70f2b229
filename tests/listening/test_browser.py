"""The page in Chromium, opened as a file: sample-exact switching, equal levels, and a test done by keyboard alone."""

import base64
import json
import shutil
import threading

import numpy as np
import pytest
from helpers import wait_until

from drywet import measures
from drywet.listening import analyze_answers, make_server, parse_answers, read_answers
from drywet.listening.page import read_sound

RATE = 16_000
PHONE = {"width": 390, "height": 844}

# Sounds whose every sample says where it is from: 65536 times the number of the sound, plus its own place.
NUMBERED = """(rate, frames, count) => {
  const context = new OfflineAudioContext(1, 3 * frames, rate);
  const buffers = new Map();
  for (let sound = 0; sound < count; sound++) {
    const buffer = context.createBuffer(1, frames, rate);
    buffer.getChannelData(0).set(Float32Array.from({ length: frames }, (_, i) => sound * 65536 + i));
    buffers.set(String(sound), buffer);
  }
  return [context, new drywet.Deck(context, buffers)];
}"""


@pytest.fixture
def visit(browser):
    """Open an address; afterwards the page must have complained about nothing and asked nobody else."""
    pages, complaints, requests = [], [], []

    def visit(address, **options):
        page = browser.new_page(**options)
        page.set_default_timeout(60_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        pages.append(page)
        return page

    yield visit
    for page in pages:
        page.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:"))] == []


def page_of(folder, seed=5):
    return f"{(folder / 'page' / 'index.html').as_uri()}#seed={seed}"


# Samples by way of text, which is quicker than a list of numbers.
AS_TEXT = """(samples) => {
  let text = "";
  for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}"""


def samples_of(page, expression):
    """What an asynchronous JavaScript expression gives, a Float32Array, as an array."""
    text = page.evaluate(f"async () => ({AS_TEXT})((await {expression}).getChannelData(0))")
    return np.frombuffer(base64.b64decode(text), np.float32).astype(float)


def render(page, script, frames=RATE, count=3):
    """What a deck of numbered sounds plays, shape (T, 2): the sound that each sample is of, and its place in it."""
    samples = samples_of(
        page,
        f"""(async () => {{
          const [context, deck] = ({NUMBERED})({RATE}, {frames}, {count});
          {script}
          return context.startRendering();
        }})()""",
    )
    return np.divmod(samples, 65_536)


def test_after_a_switch_the_next_sample_is_the_next_of_the_other_sound(visit, make_test):
    """Exactly: a deviation by a fraction of a sample would give numbers between those that the sounds are made of."""
    page = visit(page_of(make_test("mushra")))
    switches = [0.25, 0.5003, 0.7]  # s; the second on no sample
    script = "deck.start(0);" + "".join(
        f"deck.hear('{sound}', {at});" for sound, at in zip((1, 2, 0), switches, strict=True)
    )
    sound, place = render(page, script)
    fade = round(0.01 * RATE) + 1
    begin = fade  # the whole deck fades in first
    for expected, end in zip((0, 1, 2, 0), [*(int(np.ceil(s * RATE)) for s in switches), RATE], strict=True):
        steady = slice(begin, end)
        np.testing.assert_array_equal(sound[steady], expected)
        np.testing.assert_array_equal(place[steady], np.arange(steady.start, steady.stop))
        begin = end + fade


def test_switching_between_equal_sounds_leaves_no_trace(visit, make_test):
    """So X that is A cannot be told from A by how the switch sounds. Two buffers of the same ramp."""
    page = visit(page_of(make_test("mushra")))
    samples = samples_of(
        page,
        f"""(async () => {{
          const context = new OfflineAudioContext(1, {RATE}, {RATE});
          const ramp = () => {{
            const buffer = context.createBuffer(1, {RATE}, {RATE});
            buffer.getChannelData(0).set(Float32Array.from({{ length: {RATE} }}, (_, i) => Math.sin(i / 20)));
            return buffer;
          }};
          const deck = new drywet.Deck(context, new Map([["a", ramp()], ["b", ramp()]]));
          deck.start(0);
          deck.hear("b", 0.5);
          return context.startRendering();
        }})()""",
    )
    expected = np.sin(np.arange(RATE) / 20)
    np.testing.assert_allclose(samples[1000:], expected[1000:], rtol=0, atol=1e-6)  # -120 dB: float32, twice rounded


def test_hasty_switches_fade_one_after_the_other_and_stay_in_step(visit, make_test):
    page = visit(page_of(make_test("mushra")))
    script = "deck.start(0); for (const sound of '1201202') deck.hear(sound, 0.3);"
    sound, place = render(page, script)
    end = round(0.3 * RATE) + 8 * (round(0.01 * RATE) + 1)
    np.testing.assert_array_equal(sound[end:RATE], 2)
    np.testing.assert_array_equal(place[end:RATE], np.arange(end, RATE))


def test_a_repeated_part_runs_round_without_losing_a_sample(visit, make_test):
    page = visit(page_of(make_test("mushra")))
    sound, place = render(page, "deck.repeat(4000, 9000); deck.start(0); deck.hear('1', 0.6);")
    at = 1 + round(0.6 * RATE) + 170
    ran = np.arange(len(place))
    np.testing.assert_array_equal(place[at:], 4000 + ran[at:] % 5000)
    np.testing.assert_array_equal(sound[at:], 1)


def test_what_chromium_decodes_is_equally_loud_and_aligned_to_the_sample(visit, make_test, mushra_key):
    folder = make_test("mushra")
    page = visit(page_of(folder))
    item = next(iter(mushra_key.items))
    loudness = []
    for identity in mushra_key.sounds_of(item):
        context = f"new OfflineAudioContext(1, 1, {RATE})"
        decoded = samples_of(page, f'drywet.load({context}, "{identity}")')
        samples, _ = read_sound(folder, identity)
        np.testing.assert_allclose(decoded, samples, atol=2**-22)
        loudness.append(measures.integrated_loudness(decoded, RATE))
    assert np.ptp(loudness) < 0.1


def rate_by_keyboard(page, scores):
    """Hear and rate every version of a screen, then go on; ``scores`` in tens."""
    heading = page.locator("h2").inner_text()
    for letter, score in zip("abcdef", scores, strict=True):
        page.keyboard.press(letter)
        for _ in range(score // 10):
            page.keyboard.press("Shift+ArrowUp")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowDown")
    page.keyboard.press("r")
    assert page.locator("#next").is_enabled()
    page.keyboard.press("Enter")
    wait_until(page, f"document.querySelector('h2').textContent !== {json.dumps(heading)}")


def test_a_mushra_test_is_done_by_keyboard_and_its_file_is_what_the_analysis_reads(
    visit, make_test, mushra_key, tmp_path
):
    page = visit(page_of(make_test("mushra")), viewport=PHONE)
    page.locator("#listener").fill("<img src=x onerror=window.pwned=1>")
    page.locator("#begin").click()
    page.locator("#next").wait_for()
    assert page.locator("h2").inner_text().startswith("Practice")
    assert page.locator("#next").is_disabled()
    rate_by_keyboard(page, [0] * 6)
    for number in (1, 2):
        page.locator("#next").wait_for()
        assert page.locator("#progress").inner_text().lower() == f"{number} of 2"
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        rate_by_keyboard(page, [10, 20, 30, 40, 50, 60])
    with page.expect_download() as download:
        page.locator("#save").click()
    path = tmp_path / "answers" / "1.json"
    download.value.save_as(path)
    answers = parse_answers(path.read_bytes(), mushra_key)
    assert answers.seed == 5
    assert len(answers.practice) == 1
    for trial in answers.trials:
        assert [trial.ratings[sound] for sound in trial.order] == [10, 20, 30, 40, 50, 60]
        assert trial.switches >= 5
    assert len(read_answers(tmp_path, mushra_key).listeners) == 1
    assert page.evaluate("window.pwned") is None


def test_the_order_is_drawn_for_each_listener_and_a_seed_repeats_it(visit, make_test):
    orders = [
        visit(page_of(make_test("abx"), seed)).evaluate(
            "JSON.stringify(plan().map(({ a, x, item }) => [a, x, item.id]))"
        )
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_an_abx_test_is_served_and_its_answers_arrive(visit, make_test, abx_key, tmp_path):
    """Done with the mouse, always saying A; what was right is known from the file."""
    folder = tmp_path / "test"
    shutil.copytree(make_test("abx"), folder)
    server = make_server(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        page = visit(f"http://127.0.0.1:{server.server_port}/")
        page.locator("#begin").click()
        for _ in range(2 + 12):
            page.locator("#next").wait_for()
            for name in "ABX":
                page.locator("button.sound", has_text=name).first.click()
            page.get_by_role("button", name="X is A").click()
            page.evaluate("document.querySelector('#next').id = 'last'")
            page.locator("#last").click()
        page.locator("#send").click()
        wait_until(page, "document.querySelector('[role=status]').textContent.includes('arrived')")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    (path,) = (folder / "answers").iterdir()
    answers = parse_answers(path.read_bytes(), abx_key)
    assert len(answers.practice) == 2
    assert sorted(trial.a if trial.a in abx_key.abx_trials() else trial.b for trial in answers.trials) == sorted(
        abx_key.abx_trials()
    )
    assert all(trial.answer == trial.a for trial in answers.trials)
    found = analyze_answers(folder)
    assert sum(heard.correct for heard in found.heard) == sum(trial.x == trial.a for trial in answers.trials)


def test_without_a_file_of_sound_the_page_says_so(visit, make_test, tmp_path, browser):
    folder = tmp_path / "test"
    shutil.copytree(make_test("abx"), folder)
    shutil.rmtree(folder / "page" / "audio")
    page = browser.new_page()
    page.goto(page_of(folder))
    page.locator("#begin").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "is missing" in alert.inner_text()
    page.close()
