"""The page in a browser: what a reader can do with it."""

import io
import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from report.page.conftest import poses_document

from uplift_upsample.report.page.poses import packed, unpacked

Open = Callable[..., Any]

PICTURE = "canvas => canvas.toDataURL()"
# Contrast of all visible texts with what lies behind them, by the formula of WCAG 2.2; those below a limit.
WEAK_TEXTS = """limit => {
  const numbers = (color) => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1}), pen = canvas.getContext('2d');
    pen.fillStyle = color; pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let up = node; up; up = up.parentElement) {
      const color = numbers(getComputedStyle(up).backgroundColor);
      if (color[3] > 250) return color;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest('svg, script, noscript, style')) continue;
    const [one, other] = [light(numbers(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < limit) weak.push(`${node.tagName}.${node.className} ${contrast.toFixed(2)} ${node.textContent.trim()}`);
  }
  return weak;
}"""

# Words that stand on two lines.
BROKEN_WORDS = """nodes => {
  const broken = [];
  for (const node of nodes) {
    const walk = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    for (let text = walk.nextNode(); text; text = walk.nextNode())
      for (const word of text.textContent.matchAll(/[\\w.]+/g)) {
        const range = document.createRange();
        range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(box => box.top)).size > 1) broken.push(word[0]);
      }
  }
  return broken;
}"""

FOCUSED = """() => {
  const node = document.activeElement;
  return [node.id || `${node.tagName} ${node.className}`, getComputedStyle(node).outlineStyle];
}"""


def column(tab: Any, table: str, number: int) -> list[str]:
    return tab.eval_on_selector_all(
        f"{table} tbody tr > :nth-child({number})", "cells => cells.map(cell => cell.textContent.trim())"
    )


def picture(tab: Any, selector: str = "#scene") -> str:
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return tab.eval_on_selector(selector, PICTURE)


def play(tab: Any) -> None:
    """Start the viewer, and wait until it has gone on by some frames."""
    tab.click("#play")
    for _ in range(50):
        tab.wait_for_timeout(50)
        if int(tab.input_value("#frame")) > 3:
            break
    assert int(tab.input_value("#frame")) > 3


def test_tables_sort_both_ways_with_what_is_missing_last(opened: Open) -> None:
    tab = opened()
    button = tab.locator("#table-comparison th button").nth(3)
    assert column(tab, "#table-comparison", 4) == ["45.30", "9.10", "NOT RUN"]
    button.click()
    assert column(tab, "#table-comparison", 4) == ["9.10", "45.30", "NOT RUN"]
    assert tab.locator("#table-comparison th").nth(3).get_attribute("aria-sort") == "ascending"
    button.press("Enter")
    assert column(tab, "#table-comparison", 4) == ["45.30", "9.10", "NOT RUN"]
    assert column(tab, "#table-comparison", 1) == ["small", "small", "other"]
    tab.locator("#table-comparison th button").nth(0).click()
    assert column(tab, "#table-comparison", 1) == ["other", "small", "small"]
    assert tab.locator("#table-comparison th[aria-sort]").count() == 1


def test_times_sort_by_how_long_they_are(opened: Open, study: Path, page_text: Callable[..., str]) -> None:
    path = study / "tables/comparison.json"
    document = json.loads(path.read_text("utf-8"))
    times = ["1 h 45 min", "50.0 s", "2 min 05 s"]
    [section] = document["sections"]
    section["rows"] = [[*row[:3], time, row[4]] for row, time in zip(section["rows"], times, strict=True)]
    path.write_text(json.dumps(document), "utf-8")
    (study / "index.html").write_text(page_text(), "utf-8")
    tab = opened()
    tab.locator("#table-comparison th button").nth(3).click()
    assert column(tab, "#table-comparison", 4) == ["50.0 s", "2 min 05 s", "1 h 45 min"]


def test_viewer_plays_and_pauses(opened: Open) -> None:
    tab = opened()
    before = picture(tab)
    play(tab)
    assert picture(tab) != before
    tab.click("#play")
    frame = tab.input_value("#frame")
    tab.wait_for_timeout(150)
    assert tab.input_value("#frame") == frame


def test_viewer_is_scrubbed_by_slider_and_strip(opened: Open) -> None:
    tab = opened()
    before, strip = picture(tab), picture(tab, "#errors")
    tab.locator("#frame").fill("30")
    assert picture(tab) != before
    assert picture(tab, "#errors") != strip
    assert "frame 30 (0.60 s)" in tab.inner_text("#readout")
    box = tab.locator("#errors").bounding_box()
    tab.locator("#errors").click(position={"x": box["width"] - 12, "y": 40})
    picture(tab)
    assert tab.input_value("#frame") == "59"


def test_viewer_tells_the_error_and_the_key_frames(opened: Open) -> None:
    """The predictions of ``small`` are 10 mm beside the truth but for the pelvis's own place, those of ``other`` 20 mm."""
    tab = opened()
    tab.locator("#frame").fill("45")
    picture(tab)
    assert tab.inner_text("#readout").startswith("10.0 mm at frame 45 (0.90 s), 5 of 20 frames behind a key frame")
    tab.click("#previous-key")
    picture(tab)
    assert "frame 40 (0.80 s), key frame" in tab.inner_text("#readout")
    tab.click("#next-key")
    picture(tab)
    assert tab.input_value("#frame") == "40"  # there is no frame 60
    tab.locator("#frame").fill("50")
    tab.select_option("#weights", "other/seed_0")
    picture(tab)
    assert tab.inner_text("#readout").startswith("20.0 mm at frame 50")
    tab.select_option("#upsampling", "plain")
    picture(tab)
    told = re.match(r"([\d.]+) mm", tab.inner_text("#readout"))
    assert told is not None
    assert float(told[1]) > 25  # a straight line through a curve


def test_viewer_shows_other_evaluations_of_the_same_weights(
    study: Path, page_text: Callable[..., str], opening: Callable[[Path], Any]
) -> None:
    """Variants are runs of their own, ``seed_0, both``; one has a pose for every frame, and only one stride."""
    document = poses_document()
    truth = [unpacked(sequence["truth"]) for sequence in document["sequences"]]
    for variant, step, strides, error in (("both", 5, (5, 20), 0.03), ("live_0", 1, (20,), 0.04)):
        for s_in in strides:
            for place, poses in enumerate(truth):
                moved = poses[::step] + np.array([error, 0, 0])
                track = {"experiment": "small", "run": f"seed_0, {variant}", "s_in": s_in, "sequence": place, "step": step}
                document["tracks"].append({**track, "key_step": s_in, "num_poses": len(moved), "poses": packed(moved)})
    (study / "index.html").write_text(page_text(poses=document), encoding="utf-8")
    with opening(study / "index.html") as open_page:
        tab = open_page()
        values = tab.eval_on_selector_all("#weights option", "options => options.map(option => option.value)")
        assert values == ["small/seed_0", "other/seed_0", "small/seed_0, both", "small/seed_0, live_0"]
        tab.locator("#frame").fill("45")
        for run, strides, told in (("both", ["5 frames", "20 frames"], "30.0"), ("live_0", ["20 frames"], "40.0")):
            tab.select_option("#weights", f"small/seed_0, {run}")
            picture(tab)
            assert tab.locator("#s_in option").all_inner_texts() == strides
            assert tab.inner_text("#readout").startswith(f"{told} mm at frame 45 (0.90 s)")

        tab.select_option("#weights", "small/seed_0")
        picture(tab)
        assert tab.inner_text("#readout").startswith("10.0 mm at frame 45")


def test_viewer_switches_stride_and_sequence(opened: Open) -> None:
    tab = opened()
    strip = picture(tab, "#errors")
    assert tab.locator("#s_in option").all_inner_texts() == ["5 frames", "20 frames"]
    assert tab.input_value("#s_in") == "20"
    tab.select_option("#s_in", "5")
    assert picture(tab, "#errors") != strip  # other key frames
    tab.select_option("#weights", "other/seed_0")
    assert tab.locator("#s_in option").all_inner_texts() == ["4 frames", "20 frames"]
    assert tab.input_value("#s_in") == "4"  # the nearest
    tab.select_option("#sequence", "1")
    assert tab.locator("#sequence option:checked").inner_text() == "S11_Sitting_cam1"


def test_viewer_turns_by_keys_pointer_and_buttons(opened: Open) -> None:
    tab = opened()
    seen = {picture(tab)}
    tab.focus("#scene")
    for key in ("ArrowLeft", "ArrowUp", "+", ".", "]"):
        tab.keyboard.press(key)
        seen.add(picture(tab))
    assert len(seen) == 6
    tab.keyboard.press("Space")
    assert tab.inner_text("#play") == "Pause"
    tab.keyboard.press("Space")
    box = tab.locator("#scene").bounding_box()
    tab.mouse.move(box["x"] + 100, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 180, box["y"] + 120)
    tab.mouse.up()
    seen.add(picture(tab))
    for name in ("Camera", "Side", "Top"):
        tab.get_by_role("button", name=name, exact=True).click()
        seen.add(picture(tab))
    tab.check("#show-errors")
    tab.select_option("#layout", "apart")
    seen.add(picture(tab))
    assert len(seen) == 11


def test_left_is_left(opened: Open) -> None:
    """A person who faces the camera has the left hand on the right side of the picture, as in the video."""
    tab = opened()
    tab.uncheck("#show-truth")
    tab.get_by_role("button", name="Camera", exact=True).click()
    picture(tab)
    mean_x = """canvas => {
      const {data, width} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const sums = {left: [0, 0], right: [0, 0]};
      for (let i = 0; i < data.length; i += 4) {
        const kind = data[i + 2] > data[i] + 90 ? 'left' : data[i] > data[i + 2] + 90 ? 'right' : null;
        if (kind && data[i + 3] > 200) { sums[kind][0] += (i / 4) % width; sums[kind][1] += 1; }
      }
      return [sums.left[0] / sums.left[1], sums.right[0] / sums.right[1], width / 2];
    }"""
    left, right, middle = tab.eval_on_selector("#scene", mean_x)
    assert right < middle < left


def test_animation_moves_only_when_asked_to(opened: Open) -> None:
    tab = opened()
    image = tab.locator("#animations img")
    still = image.get_attribute("src")
    assert still is not None
    assert still.startswith("data:image/png")
    button = tab.get_by_role("button", name="Play S9_Walking_cam0: small, seed 0, s_in = 20")
    button.click()
    assert str(image.get_attribute("src")).startswith("data:image/gif")
    tab.get_by_role("button", name="Stop S9_Walking_cam0: small, seed 0, s_in = 20").click()
    assert image.get_attribute("src") == still


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_and_the_switch(opened: Open, scheme: str) -> None:
    tab = opened(color_scheme=scheme)
    background = "() => getComputedStyle(document.body).backgroundColor"
    color, scene = tab.evaluate(background), picture(tab)
    assert tab.evaluate(WEAK_TEXTS, 4.5) == []
    tab.click("#theme")
    assert tab.evaluate(background) != color
    assert picture(tab) != scene
    assert tab.evaluate(WEAK_TEXTS, 4.5) == []
    changed = tab.evaluate(background)
    tab.reload()
    assert tab.evaluate(background) == changed


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_page_does_not_scroll_sideways(opened: Open, width: int) -> None:
    tab = opened(viewport={"width": width, "height": 740}, has_touch=width < 800)
    tab.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true; })")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def wide_table(study: Path, page_text: Callable[..., str]) -> None:
    """Write the page with long names and many columns."""
    path = study / "tables/comparison.json"
    document = json.loads(path.read_text("utf-8"))
    [section] = document["sections"]
    section["header"] += [f"column {number}" for number in range(30)]
    names = ("h36m_351_pt", "cmu_full_size (trained on cmu only)", "h36m_81")
    section["rows"] = [[name, *row[1:], *["12.34"] * 30] for name, row in zip(names, section["rows"], strict=True)]
    path.write_text(json.dumps(document), "utf-8")
    (study / "index.html").write_text(page_text(), "utf-8")


def test_words_are_whole_on_a_phone(opened: Open, study: Path, page_text: Callable[..., str]) -> None:
    wide_table(study, page_text)
    tab = opened(viewport={"width": 360, "height": 740}, has_touch=True)
    assert tab.eval_on_selector_all("th, td, h1, h2, h3, h4, dt", BROKEN_WORDS) == []


def test_tables_that_go_on_say_so(opened: Open, study: Path, page_text: Callable[..., str]) -> None:
    wide_table(study, page_text)
    tab = opened(viewport={"width": 360, "height": 740}, has_touch=True)
    box, hint = tab.locator("#table-comparison .scroll"), tab.locator("#table-comparison .more")
    tab.locator("#table-comparison .scroll.goes-on").wait_for()
    assert hint.is_visible()
    assert "linear-gradient" in box.evaluate("box => getComputedStyle(box).maskImage")
    box.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
    tab.locator("#table-comparison .scroll:not(.goes-on)").wait_for()
    assert hint.is_visible()
    assert not tab.locator("#table-cost .more").is_visible()


@pytest.mark.parametrize(("scheme", "is_light"), [("light", True), ("dark", False)])
def test_figures_follow_the_colours(opened: Open, study: Path, page_text: Callable[..., str], scheme: str, is_light: bool) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20" fill="white"/></svg>'
    (study / "figures/per_action.svg").write_text(svg, "utf-8")
    (study / "index.html").write_text(page_text(), "utf-8")
    tab = opened(color_scheme=scheme)
    for expected in (is_light, not is_light):
        tab.locator("#figures img").scroll_into_view_if_needed()
        with Image.open(io.BytesIO(tab.locator("#figures img").screenshot())) as shown:
            assert (np.asarray(shown.convert("L")).mean() > 128) == expected
        tab.click("#theme")


def test_keyboard_reaches_everything_and_shows_where_it_is(opened: Open) -> None:
    tab = opened()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    reached = set()
    for _ in range(80):
        tab.keyboard.press("Tab")
        name, outline = tab.evaluate(FOCUSED)
        if name in reached and name == "theme":
            break
        reached.add(name)
        assert outline != "none" or name.startswith("BODY"), name
    assert {"theme", "scene", "frame", "play", "weights", "s_in", "sequence", "show-truth"} <= reached
    assert "SUMMARY " in reached


def test_structure_for_screen_readers(opened: Open) -> None:
    tab = opened()
    assert tab.locator("main, header, footer, nav").count() == 4
    names = tab.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(each => each.tagName)")
    levels = [int(name[1]) for name in names]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert tab.locator("img:not([alt]), table:not(:has(caption)), th:not([scope])").count() == 0
    unlabelled = "all => all.filter(each => !each.labels.length && !each.getAttribute('aria-label')).map(each => each.id)"
    assert tab.eval_on_selector_all("input, select", unlabelled) == []
    ids = tab.eval_on_selector_all("[id]", "all => all.map(each => each.id)")
    assert len(ids) == len(set(ids))


def test_reduced_motion_is_respected(opened: Open) -> None:
    assert opened(reduced_motion="reduce").evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_page_says_everything_without_scripts(browser: Any, opened: Open, study: Any) -> None:
    opened()
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((study / "index.html").as_uri())
    assert "No: 1 of 2 results are outside the tolerance." in tab.inner_text("#answer")
    assert tab.locator("#table-comparison tbody tr").count() == 3
    context.close()
