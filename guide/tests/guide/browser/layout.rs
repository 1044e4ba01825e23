//! Everything has room, or shows that it goes on.

use serde_json::json;

use super::access::CHECKS;
use super::driver::{Browser, Options};
use super::{complaints, open, pages_with, real_pages, serve_fake, serve_real};

/// What a check finds on all pages of the book, in a window of this width.
async fn on_all_pages(width: u32, check: &str) {
    let site = serve_real().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.width(width).await;
    let script = format!("{CHECKS}; return {check}");
    let mut found = Vec::new();
    for page in real_pages() {
        found.extend(complaints(&browser, &site, &page, &script).await);
    }
    assert!(found.is_empty(), "{width} px: {found:#?}");
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_1280_px_no_line_of_code_is_cut_and_words_in_figures_have_12_px() {
    on_all_pages(1280, "[...cutLines(), ...scrollers(), ...figures(), ...turns()]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_360_px_what_goes_on_shows_it_and_words_in_figures_can_be_read() {
    on_all_pages(360, "[...scrollers(), ...figures(), ...turns()]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_fades_only_where_it_goes_on() {
    let site = serve_real().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.width(360).await;
    for (page, css) in [
        ("ch02/step1.html", ".fig-scroll"),
        ("ch02/step3.html", ".listing-code code"),
        ("ch02/card.html", ".scoreboard"),
        ("ch02/step2.html", ".terminal"),
    ] {
        open(&browser, &site, page).await;
        let more = format!("return document.querySelector('{css}').dataset.more");
        for (at, expected) in [("0", "after"), ("40", "before after"), ("9999", "before")] {
            browser.run(&format!("document.querySelector('{css}').scrollLeft = {at}")).await;
            let script = more.clone() + &format!(" === '{expected}'");
            browser.wait(&script).await;
        }
    }
    browser.close_without_complaints(&site.url).await;
}

const SCOREBOARD: &str = "const board = document.querySelector('.scoreboard');
    const edge = board.getBoundingClientRect();
    const cell = (css) => document.querySelector(`.matrix ${css}`);
    const whys = [...document.querySelectorAll('.matrix .why')];
    const unseen = whys.filter((e) => !e.checkVisibility() || e.getBoundingClientRect().width < 10);";

#[tokio::test(flavor = "multi_thread")]
async fn the_scoreboard_is_whole_from_1280_px_on_and_its_words_need_no_click() {
    let site = serve_real().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    let pages = pages_with("{{#matrix ");
    assert!(pages.len() >= 2, "{pages:?}");
    for (width, least) in [(1280, 900), (1440, 900), (1600, 1000), (2560, 1100)] {
        browser.width(width).await;
        for page in &pages {
            open(&browser, &site, page).await;
            let script = format!(
                "{SCOREBOARD} const last = cell('thead th:last-child');
                 return [last.getBoundingClientRect().right <= edge.right + 1,
                    edge.left >= 0 && edge.right <= innerWidth, edge.width >= {least},
                    whys.length > 0, unseen.length]"
            );
            let seen = browser.run(&script).await;
            assert_eq!(seen, json!([true, true, true, true, 0]), "{page} {width}");
        }
    }
    browser.width(360).await;
    for page in &pages {
        open(&browser, &site, page).await;
        browser.run("document.querySelector('.scoreboard').scrollLeft = 9999").await;
        browser
            .wait("return document.querySelector('.scoreboard').dataset.more === 'before'")
            .await;
        let script = format!(
            "{SCOREBOARD} const row = cell('th[scope=row]');
             return [board.tabIndex, Math.round(row.getBoundingClientRect().left - edge.left),
                getComputedStyle(row).boxShadow !== 'none']"
        );
        assert_eq!(browser.run(&script).await, json!([0, 0, true]), "{page}: the step stays");
    }
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_words_in_figures_few_are_cut_or_crossed_and_none_lie_on_others() {
    let site = serve_real().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.width(1280).await;
    let mut sums = [0; 4];
    for page in real_pages() {
        open(&browser, &site, &page).await;
        let counts = browser.run(&format!("{CHECKS}; return labels()")).await;
        for (sum, count) in sums.iter_mut().zip(counts.as_array().expect("four counts")) {
            *sum += count.as_u64().expect("a count");
        }
    }
    let [all, cut, crossed, overlapping] = sums;
    assert!(all > 200, "{sums:?}");
    assert!(cut * 50 < all && crossed * 20 < all && overlapping == 0, "{sums:?}");
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_under_way_moves_along_its_arrow() {
    let site = serve_fake().await;
    let dots = "const dots = [...document.querySelectorAll('.playhead circle')].filter(e => e.checkVisibility());
        return dots.map(e => Math.round(+e.getAttribute('cx')))";
    for still in [true, false] {
        let browser = Browser::start(Options { still, ..Options::default() }).await;
        open(&browser, &site, "ch99/step1.html#figure-99-2@3").await;
        assert_eq!(browser.run(dots).await, json!([]), "it leaves now");
        let behind = "return document.querySelector('.words').previousSibling.className.baseVal";
        assert_eq!(browser.run(behind).await, json!("playhead"), "no line through words");
        browser.run("document.querySelector('.scrub').lastChild.click()").await;
        let part = "const [x1, x2] = ['x1', 'x2'].map(a => +document.querySelector('.ev-receive[data-seq=\"5\"] .shaft').getAttribute(a));
            const dot = [...document.querySelectorAll('.playhead circle')].find(e => e.checkVisibility());
            const part = (dot?.getAttribute('cx') - x1) / (x2 - x1); return part > 0.2 && part < 0.9";
        if still {
            assert_eq!(browser.run(part).await, json!(true), "it is there without any motion");
        }
        browser.wait(part).await;
        browser.run("document.querySelector('.scrub').lastChild.click()").await;
        browser.wait("return [...document.querySelectorAll('.playhead circle')].every(e => !e.checkVisibility())").await;
        browser.close_without_complaints(&site.url).await;
    }
}

/// Whether the column of a node is within the part that a picture shows.
fn in_view(part: &str, node: &str) -> String {
    format!(
        "const [column, part] = ['{part} .node[data-node={node}] rect', '{part}']
            .map((css) => document.querySelector(css).getBoundingClientRect());
         return column.left >= part.left && column.right <= part.right"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_plays_to_its_end_and_brings_its_columns_into_view() {
    let site = serve_fake().await;
    let browser = Browser::start(Options { phone: true, still: true, ..Options::default() }).await;
    open(&browser, &site, "ch99/step1.html#figure-99-2@6").await;
    browser.run("document.querySelector('.scrub button').click()").await;
    browser.wait(&in_view("time-line .fig-scroll", "pay")).await;
    browser
        .wait("return document.querySelector('.moment').textContent.startsWith('11 of 11')")
        .await;
    let label = "return document.querySelector('.scrub button').ariaLabel";
    assert_eq!(browser.run(label).await, json!("Play the run"));
    open(&browser, &site, "ch99/breakit.html").await;
    browser.wait(&in_view("break-it > .fig-scroll", "stock")).await;
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_on_an_event_goes_to_its_moment() {
    let site = serve_fake().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    open(&browser, &site, "ch99/step1.html").await;
    browser.click(".words[data-seq='6'] text").await;
    let moment = "return document.querySelector('.moment').textContent";
    assert_eq!(browser.run(moment).await, json!("6 of 11: stock writes down 0 left"));
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_break_it_a_message_runs_along_its_arrow_unless_the_reader_prefers_no_motion() {
    let site = serve_fake().await;
    for still in [false, true] {
        let browser = Browser::start(Options { still, ..Options::default() }).await;
        open(&browser, &site, "ch99/breakit.html#breakit=ch99/step1/0").await;
        let watch =
            "const has = (list) => [...list].some((e) => e.classList?.contains('under-way'));
            new MutationObserver((all) => { window.moved ||= all.some((m) => has(m.addedNodes)); })
                .observe(document.querySelector('break-it'), { childList: true, subtree: true });
            document.querySelector('.moves button').click()";
        browser.run(watch).await;
        browser.wait("return document.querySelectorAll('break-it > .fig-scroll .ev-receive').length === 2").await;
        browser.wait("return document.querySelector('.under-way') === null").await;
        assert_eq!(browser.run("return Boolean(window.moved)").await, json!(!still));
        browser.close_without_complaints(&site.url).await;
    }
}
