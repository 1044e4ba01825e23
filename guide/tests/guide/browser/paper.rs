//! The printed page: whole, light, and with its marks beside their lines.

use super::access::CHECKS;
use super::driver::{Browser, Options};
use super::{open, real_pages, serve_real};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_whole_and_light_on_paper_in_both_themes() {
    let site = serve_real().await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    let mut found = Vec::new();
    for theme in ["light", "navy"] {
        open(&browser, &site, "start.html").await;
        browser.theme(theme).await;
        browser.paper().await;
        let whole_book = "print.html".to_string();
        for page in real_pages().into_iter().chain([whole_book]) {
            open(&browser, &site, &page).await;
            // As a reader prints it: in the middle of a figure.
            browser.run("document.querySelectorAll('.scrub button')[1]?.click()").await;
            let wrong = browser.run(&format!("{CHECKS}; return paper()")).await;
            for what in wrong.as_array().expect("a list") {
                found.push(format!("{theme} {page}: {what}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    browser.close_without_complaints(&site.url).await;
}
