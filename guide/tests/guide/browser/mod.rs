//! The pages in a real browser. Needs Chromium and its driver; without them these tests fail and
//! say how to install them.

mod access;
mod collector;
mod driver;
mod layout;
mod paper;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use guide::book;
use guide::workspace::Workspace;
use serde_json::json;

use self::driver::{Browser, Options};
use crate::fake;

/// A served book, until the value is dropped.
struct Site {
    url: String,
    _folder: Option<tempfile::TempDir>,
}

async fn serve_fake() -> Site {
    let (folder, ws) = fake::book();
    let site = folder.path().join("site");
    book::build(&ws, &site).expect("the book builds");
    Site { url: serve(ws, site).await, _folder: Some(folder) }
}

/// The real book, which all tests together build once.
async fn serve_real() -> Site {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let ws = Workspace::here().expect("the workspace");
    let site = BUILT.get_or_init(|| {
        let site = Path::new(env!("CARGO_TARGET_TMPDIR")).join("book");
        book::build(&ws, &site).expect("the book builds");
        site
    });
    Site { url: serve(ws, site.clone()).await, _folder: None }
}

async fn serve(ws: Workspace, site: PathBuf) -> String {
    let listener = guide::serve::listen_on(0).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let app = guide::serve::router(ws, site);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// The addresses of all pages, in reading order.
fn real_pages() -> Vec<String> {
    pages_with("")
}

/// The addresses of the pages that hold a directive.
fn pages_with(directive: &str) -> Vec<String> {
    let pages = book::pages(&Workspace::here().expect("the workspace")).expect("the pages");
    let holding = pages.into_iter().filter(|page| page.text.contains(directive));
    holding.map(|page| page.path.replace(".md", ".html")).collect()
}

/// Opens a page and waits for its exhibits and for its highlighted code.
async fn open(browser: &Browser, site: &Site, page: &str) {
    browser.open(&format!("{}/{page}", site.url)).await;
    let ready = "return document.readyState === 'complete' && document.fonts.status === 'loaded' &&
        [...document.querySelectorAll('break-it')].every((e) => e.querySelector('button')) &&
        [...document.querySelectorAll('time-line')].every((e) => e.querySelector('input'))";
    browser.wait(ready).await;
}

/// Opens a page and runs a script in it that returns what is wrong; collects it with its place.
async fn complaints(browser: &Browser, site: &Site, page: &str, script: &str) -> Vec<String> {
    open(browser, site, page).await;
    let found = browser.run(script).await;
    let found = found.as_array().unwrap_or_else(|| panic!("{page}: no list but {found}")).clone();
    found.into_iter().map(|what| format!("{page}: {what}")).collect()
}

const NOTHING_LEFT: &str = "return document.querySelectorAll('break-it button').length > 0";

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_scrubs_by_keyboard_and_by_link() {
    let site = serve_fake().await;
    let browser = Browser::start(Options::default()).await;
    browser.open(&format!("{}/ch99/step1.html", site.url)).await;
    browser.wait("return !!document.querySelector('time-line input')").await;
    let future = "return document.querySelectorAll('time-line .future').length";
    assert_eq!(browser.run(future).await, json!(0), "at first the whole run shows");
    browser.run("document.querySelector('time-line input').focus()").await;
    browser.press("time-line input", "\u{e012}\u{e012}").await;
    // Two strokes and their words are still to come; the page was not turned.
    assert_eq!(browser.run(future).await, json!(4));
    assert!(
        browser.address().await.ends_with("step1.html#figure-99-2@9"),
        "{}",
        browser.address().await
    );
    browser.open(&format!("{}/ch99/step1.html#figure-99-2@5", site.url)).await;
    let said = browser.run("return document.querySelector('.moment').textContent").await;
    assert_eq!(said, json!("5 of 11: stock receives take 1 umbrella from coord"));
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn break_it_can_be_broken_undone_shown_and_linked() {
    let site = serve_fake().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.open(&format!("{}/ch99/breakit.html", site.url)).await;
    browser.wait(NOTHING_LEFT).await;
    let lamp = "return document.querySelector('.lamp').textContent";
    assert!(browser.run(lamp).await.to_string().contains("holds"));
    let choices = "return document.querySelectorAll('.moves button').length";
    assert_eq!(browser.run(choices).await, json!(7), "six and `more`");
    browser.click(".moves button:nth-child(1)").await;
    browser.wait("return location.hash.endsWith('/0.3.0')").await;
    browser.click(".moves button:nth-child(2)").await;
    browser.wait("return document.querySelector('.lamp').textContent.includes('unsafe')").await;
    assert!(browser.address().await.ends_with("#breakit=ch99/step1/0.3.0.1"));
    browser.click(".tools button:nth-child(1)").await;
    browser.wait("return document.querySelector('.lamp').textContent.includes('holds')").await;
    browser.click(".tools button:nth-child(4)").await;
    browser.wait("return document.querySelector('.lamp').textContent.includes('unsafe')").await;
    browser.click(".tools button:nth-child(5)").await;
    browser
        .wait("return document.querySelector('.says').textContent.includes('1 of 12 states')")
        .await;
    browser.open(&format!("{}/ch99/breakit.html#breakit=ch99/step1/0.1", site.url)).await;
    browser.refresh().await;
    browser.wait("return document.querySelector('.lamp')?.textContent.includes('unsafe')").await;
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_the_search_and_shows_how_far_it_is() {
    let site = serve_fake().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.open(&format!("{}/ch99/breakit.html", site.url)).await;
    browser.wait(NOTHING_LEFT).await;
    let slow = "const exhibit = document.querySelector('break-it');
        const call = exhibit.call.bind(exhibit);
        const later = () => new Promise((then) => setTimeout(then, 20));
        window.done = false;
        exhibit.call = (request) => request.call !== 'search' ? call(request)
            : later().then(() => ({ states: 7000, done: window.done }));
        exhibit.searched = exhibit.search();";
    browser.run(slow).await;
    browser.click(".tools button:nth-child(5)").await;
    let says = |words: &str| {
        format!("return document.querySelector('.says').textContent.includes('{words}')")
    };
    browser.wait(&says("7,000 states so far")).await;
    browser.run("window.done = true").await;
    browser.wait(&says("1 of 12 states are unsafe")).await;
    browser.close_without_complaints(&site.url).await;
}

/// The limit is the ten seconds of `wait`: a search of an exhibit that takes them has grown.
#[tokio::test(flavor = "multi_thread")]
async fn every_exhibit_of_the_book_answers() {
    let site = serve_real().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    let mut exhibits = 0;
    for page in pages_with("{{#breakit ") {
        open(&browser, &site, &page).await;
        for (tool, words) in [("3", "move|no move|unsafe"), ("5", "states are unsafe")] {
            browser.run("document.querySelector('.says').textContent = ''").await;
            browser.click(&format!(".tools button:nth-child({tool})")).await;
            let says = "document.querySelector('.says').textContent";
            browser.wait(&format!("return /{words}/.test({says})")).await;
            let capped = browser.run(&format!("return {says}.includes('limit')")).await;
            assert_eq!(capped, json!(false), "{page}: a search that is complete");
        }
        exhibits += 1;
    }
    assert!(exhibits >= 3, "{exhibits} pages have an exhibit");
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn break_it_is_complete_by_keyboard() {
    let site = serve_fake().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.open(&format!("{}/ch99/breakit.html#breakit=ch99/step1/", site.url)).await;
    browser.wait(NOTHING_LEFT).await;
    browser.run("document.querySelector('.moves button').focus()").await;
    browser.press(".moves button", "1").await;
    browser.wait("return location.hash.endsWith('/0')").await;
    let focus = "return document.activeElement.closest('.moves') !== null";
    assert_eq!(browser.run(focus).await, json!(true), "the focus stays with the choices");
    browser.press(".moves button", "2").await;
    browser.wait("return document.querySelector('.lamp').textContent.includes('unsafe')").await;
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_on_a_dial_is_compared_with_the_answer() {
    let site = serve_fake().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.open(&format!("{}/ch99/step1.html", site.url)).await;
    browser.wait("return !!document.querySelector('guess-dial input')").await;
    let open = "return document.querySelector('guess-dial details').open";
    assert_eq!(browser.run(open).await, json!(false), "first the guess");
    browser.run("document.querySelector('guess-dial input').focus()").await;
    browser.click("guess-dial button").await;
    let said = browser.run("return document.querySelector('.guess').textContent").await;
    assert_eq!(said, json!("5 umbrellas; it is 7 umbrellas, so you are 2 off"));
    assert_eq!(browser.run(open).await, json!(true));
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_figures_and_texts_are_complete() {
    let site = serve_fake().await;
    let browser = Browser::start(Options { no_script: true, ..Options::default() }).await;
    for page in ["ch99/step1.html", "ch99/breakit.html"] {
        browser.open(&format!("{}/{page}", site.url)).await;
        let picture = browser.text("figure .spacetime").await;
        assert!(picture.contains("take 1 umbrella"), "{page}: {picture}");
        browser.click(".as-text summary").await;
        let log = browser.text(".as-text .log").await;
        assert!(log.contains("coord → stock   take 1 umbrella"), "{page}: {log}");
    }
    let note = browser.text(".live-note").await;
    assert!(note.contains("cargo run"), "{note}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_scrolls_nothing_sideways() {
    let site = serve_fake().await;
    let browser = Browser::start(Options { phone: true, ..Options::default() }).await;
    for page in
        ["start.html", "ch99/breakit.html", "ch99/step1.html", "ch99/card.html", "glossary.html"]
    {
        browser.open(&format!("{}/{page}", site.url)).await;
        browser.wait("return document.readyState === 'complete'").await;
        let wide = browser.run("return document.scrollingElement.scrollWidth - innerWidth").await;
        assert_eq!(wide, json!(0), "{page}");
        // A part may scroll inside itself; none may be cut off by the page.
        let cut = "const m = document.querySelector('.content').getBoundingClientRect().right; \
                   return [...document.querySelectorAll('main > *')].filter(e => \
                   e.getBoundingClientRect().right > m + 1).map(e => e.outerHTML.slice(0, 80))";
        assert_eq!(browser.run(cut).await, json!([]), "{page}");
    }
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_book_loads_without_complaint() {
    let site = serve_real().await;
    let browser = Browser::start(Options { phone: true, ..Options::default() }).await;
    for page in real_pages() {
        open(&browser, &site, &page).await;
        let wide = browser.run("return document.scrollingElement.scrollWidth - innerWidth").await;
        assert_eq!(wide, json!(0), "{page} is wider than a phone");
    }
    browser.close_without_complaints(&site.url).await;
}
