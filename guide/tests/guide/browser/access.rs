//! For readers who use a keyboard, a screen reader, or eyes that need contrast.

use serde_json::{Value, json};

use super::driver::{Browser, Options};
use super::{Site, complaints, open, real_pages, serve_fake, serve_real};

pub(super) const CHECKS: &str = include_str!("checks.js");
const THEMES: [&str; 2] = ["light", "navy"];
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const LEFT: &str = "\u{e012}";
const RIGHT: &str = "\u{e014}";

/// The source of axe-core, which no page loads.
fn axe() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/axe/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(file)
        .unwrap_or_else(|e| panic!("no axe-core ({e}); get it: npm ci --prefix guide/tests/axe"))
}

/// Gives what keeps a reader from a page, or makes it hard to read.
fn axe_script() -> String {
    axe()
        + "; return axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations
           .filter((v) => v.impact !== 'minor').map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => n.target)}`))"
}

/// What is found on the page that is open.
pub(super) async fn axe_findings(browser: &Browser) -> Vec<Value> {
    let found = browser.run(&axe_script()).await;
    found.as_array().unwrap_or_else(|| panic!("no list but {found}")).clone()
}

/// What is found on all pages of the book.
async fn findings(width: u32) {
    let script = axe_script();
    let site = serve_real().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.width(width).await;
    let mut found = Vec::new();
    for theme in THEMES {
        open(&browser, &site, "start.html").await;
        browser.theme(theme).await;
        for page in real_pages() {
            found.extend(complaints(&browser, &site, &page, &script).await);
        }
    }
    assert!(found.is_empty(), "{width} px: {found:#?}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_at_1280_px_in_both_themes() {
    findings(1280).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_at_360_px_in_both_themes() {
    findings(360).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_stop_of_the_keyboard_leads_to_the_text_and_the_sidebar_has_a_button() {
    let site = serve_fake().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.width(1280).await;
    for page in ["start.html", "ch99/step1.html", "glossary.html"] {
        open(&browser, &site, page).await;
        browser.keys(TAB).await;
        let focus = "return document.activeElement.className";
        assert_eq!(browser.run(focus).await, json!("skip"), "{page}");
        browser.keys(ENTER).await;
        let focus = "return document.activeElement.id";
        assert_eq!(browser.run(focus).await, json!("mdbook-content"), "{page}");
    }
    open(&browser, &site, "ch99/step2.html").await;
    for _ in 0..40 {
        browser.keys(TAB).await;
        if browser.run("return document.activeElement.id").await == json!("mdbook-sidebar-toggle") {
            break;
        }
    }
    let open = "return [document.activeElement.tagName, document.activeElement.ariaExpanded, \
                document.documentElement.classList.contains('sidebar-visible')]";
    assert_eq!(browser.run(open).await, json!(["BUTTON", "true", true]));
    browser.keys(ENTER).await;
    assert_eq!(browser.run(open).await, json!(["BUTTON", "false", false]));
    browser.keys(" ").await;
    assert_eq!(browser.run(open).await, json!(["BUTTON", "true", true]));
    let seen = "return document.querySelector('#mdbook-sidebar').getBoundingClientRect().left >= 0";
    browser.wait(seen).await;
    browser.close_without_complaints(&site.url).await;
}

/// Presses an arrow key in each element that matches; says which of them turned the page.
async fn turned(browser: &Browser, site: &Site, page: &str, css: &str) -> Vec<String> {
    let mut turned = Vec::new();
    open(browser, site, page).await;
    let count = browser.run(&format!("return document.querySelectorAll(`{css}`).length")).await;
    for i in 0..count.as_u64().unwrap_or(0).min(4) {
        browser.run(&format!("document.querySelectorAll(`{css}`)[{i}].focus()")).await;
        for key in [RIGHT, LEFT, LEFT] {
            browser.keys(key).await;
            if !browser.address().await.contains(page) {
                turned.push(format!("{page}: {css} {i}"));
                open(browser, site, page).await;
            }
        }
    }
    turned
}

#[tokio::test(flavor = "multi_thread")]
async fn arrow_keys_turn_the_page_only_where_they_have_nothing_else_to_do() {
    let site = serve_real().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.width(700).await;
    let scrollers = "main [tabindex='0']";
    for page in ["ch02/break-it.html", "ch02/step1.html", "ch02/step3.html", "ch02/card.html"] {
        for css in [scrollers, "main summary", "main .scrub button", "main .terminal"] {
            let turned = turned(&browser, &site, page, css).await;
            assert!(turned.is_empty(), "{turned:#?}");
        }
    }
    open(&browser, &site, "ch02/step1.html").await;
    let moment = "return document.querySelector('.moment').textContent";
    let before = browser.run(moment).await;
    browser.run("document.querySelector('.fig-scroll').focus()").await;
    browser.keys(RIGHT).await;
    browser.wait("return document.querySelector('.fig-scroll').scrollLeft > 0").await;
    assert_eq!(browser.run(moment).await, before, "the picture scrolls and does not step");
    browser.run("document.activeElement.blur()").await;
    browser.width(1600).await;
    browser.keys(RIGHT).await;
    browser.wait("return location.pathname.endsWith('step2.html')").await;
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_with_nothing_to_do_keeps_the_focus() {
    let site = serve_fake().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    let focus = "const e = document.activeElement; return [e.textContent, e.ariaDisabled]";
    open(&browser, &site, "ch99/step1.html#figure-99-2@1").await;
    browser.run("document.querySelectorAll('.scrub button')[1].focus()").await;
    for _ in 0..2 {
        browser.keys(ENTER).await;
        assert_eq!(browser.run(focus).await, json!(["‹ back", "true"]));
    }
    let moment = "return document.querySelector('.moment').textContent";
    assert_eq!(browser.run(moment).await, json!("Before anything happens."));
    open(&browser, &site, "ch99/breakit.html#breakit=ch99/step1/0").await;
    browser.run("document.querySelector('.tools button').focus()").await;
    browser.keys(ENTER).await;
    browser.wait("return document.querySelector('.tools button').ariaDisabled === 'true'").await;
    assert_eq!(browser.run(focus).await, json!(["Undo", "true"]));
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_words_and_code_stand_out_from_what_is_behind_them() {
    let site = serve_fake().await;
    let browser = Browser::start(Options::default()).await;
    for theme in THEMES {
        open(&browser, &site, "start.html").await;
        browser.theme(theme).await;
        open(&browser, &site, "ch99/step1.html").await;
        let wrong = browser.run(&format!("{CHECKS}; return colours()")).await;
        assert_eq!(wrong, Value::Array(vec![]), "{theme}");
    }
    browser.close_without_complaints(&site.url).await;
}
