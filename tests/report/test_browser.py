"""The reports in a real browser, opened as files."""

import pytest
from helpers import wait_until

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def visit(browser):
    """Open a page as a file, with all its ``pictures`` or those on the screen; afterwards it must have complained about
    nothing and asked no other host."""
    pages, complaints, requests = [], [], []

    def visit(path, viewport=WIDE, pictures=False):
        page = browser.new_page(viewport=viewport)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        if pictures:
            page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
            wait_until(page, "[...document.images].every(image => image.complete)")
        pages.append(page)
        return page

    yield visit
    for page in pages:
        page.close()
    assert [c for c in complaints if "ERR_ABORTED" not in c] == []  # a player that changes its source aborts the old
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def test_every_picture_and_every_player_can_be_read(visit, report):
    page = visit(report, pictures=True)
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    wait_until(page, "[...document.querySelectorAll('audio')].every(audio => audio.duration > 1.9)")
    assert page.locator("audio").count() == 4


def test_a_click_on_a_heading_sorts_and_a_second_click_reverses(visit, report):
    page = visit(report)
    table = page.get_by_role("region", name="Table of all models").locator("table")
    column = [h.strip("\u00a0↕") for h in table.locator("thead th").all_inner_texts()].index("ESR")
    table.get_by_role("button", name="ESR", exact=True).click()
    cells = table.locator(f"tbody tr > :nth-child({column + 1})")
    rising = [float(text.split()[0]) for text in cells.all_inner_texts()]
    assert len(rising) == 8
    assert rising == sorted(rising)
    assert table.locator("th[aria-sort=ascending]").count() == 1
    table.get_by_role("button", name="ESR", exact=True).click()
    assert [float(text.split()[0]) for text in cells.all_inner_texts()] == rising[::-1]


def test_switching_signal_model_and_riff_keeps_the_position(visit, report):
    page = visit(report)
    position = "signal => document.querySelector(`audio[data-signal=${signal}]`).currentTime"
    wait_until(page, "[...document.querySelectorAll('audio')].every(audio => audio.readyState > 0)")
    page.locator("#seek").fill("0.5")
    assert page.evaluate(position, "predicted") == pytest.approx(1.0, abs=0.05)
    page.keyboard.press("a")
    assert page.locator(".signal.wet").get_attribute("aria-pressed") == "true"
    assert page.evaluate(position, "wet") == pytest.approx(1.0, abs=0.05)
    before = page.locator("audio[data-signal=predicted]").get_attribute("src")
    page.get_by_role("radio", name="worst").check()
    page.get_by_role("radio", name="lead").check()
    page.keyboard.press("b")
    wait_until(page, f"Math.abs(({position})('predicted') - 1) < 0.05")
    assert page.locator("audio[data-signal=predicted]").get_attribute("src") != before
    assert page.locator("#now").inner_text().startswith("lead, model #")


PLAYERS = "[...document.querySelectorAll('audio')]"


def test_all_signals_run_together_and_one_is_heard(visit, report):
    page = visit(report)
    page.locator("#play").click()
    wait_until(page, f"{PLAYERS}.every(audio => audio.currentTime > 0.3)")
    heard = f"{PLAYERS}.filter(audio => !audio.muted && !audio.paused).map(audio => audio.dataset.signal).join()"
    assert page.evaluate(heard) == "predicted"
    page.keyboard.press("x")
    assert page.evaluate(heard) == "difference"
    assert page.evaluate(f"{PLAYERS}.some(audio => audio.paused)") is False


def test_one_key_switches_between_device_and_model(visit, report):
    page = visit(report)
    pressed = "document.querySelector('.signal[aria-pressed=true]').dataset.signal"
    seen = []
    for _ in range(3):
        page.keyboard.press("s")
        seen.append(page.evaluate(pressed))
    assert seen == ["wet", "predicted", "wet"]


def test_shortcut_keys_can_be_switched_off(visit, report):
    page = visit(report)
    page.get_by_label("Shortcut keys").uncheck()
    page.keyboard.press("a")
    assert page.locator(".signal.predicted").get_attribute("aria-pressed") == "true"


def test_rows_are_filtered_by_level_and_counted(visit, report):
    page = visit(report)
    table = page.get_by_role("region", name="Table of all models")
    filters = page.locator(".filters").filter(has=page.get_by_label("filter by learning rate")).first
    filters.get_by_label("filter by gain").select_option("Mid")
    filters.get_by_label("filter by context").select_option("88")
    shown = table.locator("tbody tr:visible")
    assert shown.count() == 2
    assert set(shown.locator("td:nth-child(2)").all_inner_texts()) == {"Mid"}
    assert filters.locator("output").inner_text() == "2 of 8 rows"
    filters.get_by_label("filter by gain").select_option("all")
    assert shown.count() == 4


def test_every_control_has_a_name_and_the_keyboard_reaches_it(visit, report):
    page = visit(report)
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, a[href], summary, [role=region]')].filter(one =>"
        " !(one.getAttribute('aria-label') || one.labels?.[0]?.textContent || one.textContent).trim()).length"
    )
    assert unnamed == 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_print_leaves_out_what_paper_cannot_do(visit, report):
    page = visit(report)
    page.emulate_media(media="print")
    assert not page.locator("#desk").is_visible()
    assert not page.locator(".filters").first.is_visible()
    assert page.get_by_role("heading", name="What mattered").is_visible()


@pytest.mark.parametrize("viewport", [PHONE, WIDE], ids=["phone", "desk"])
def test_nothing_is_wider_than_the_screen(visit, report, hostile_report, viewport):
    for path in (report, hostile_report):
        page = visit(path, viewport, pictures=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_a_phone_gets_the_narrow_figures(visit, report):
    page = visit(report, PHONE, pictures=True)
    assert page.locator("figure img").first.evaluate("image => image.currentSrc").endswith("-narrow.svg")


def test_the_report_of_one_run_opens_too(visit, run_report):
    page = visit(run_report, PHONE)
    wait_until(page, "[...document.querySelectorAll('audio')].every(audio => audio.duration > 0.9)")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.get_by_role("heading", name="Loss curve").is_visible()


def test_hostile_names_do_not_run(visit, hostile_report):
    page = visit(hostile_report)
    assert page.evaluate("window.pwned") is None
    assert page.title().startswith("<script>window.pwned=1</script>")


def test_without_scripts_tables_and_players_are_there(browser, report):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("audio").first.is_visible()
    assert page.get_by_role("region", name="Table of all models").get_by_role("row").count() == 9
    context.close()
