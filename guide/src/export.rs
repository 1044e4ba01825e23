//! One self-contained page for one run: the picture, the text, and the scrubber.

use lab::event::Log;
use lab::view::{svg, text};

use crate::book::figure;

const STYLE: &str = include_str!("../../book/theme/css/exhibits.css");
const PAPER: &str = include_str!("../../book/theme/css/paper.css");
const COLOURS: &str = include_str!("../../book/theme/css/colours.css");
const SCRUBBER: &str = include_str!("../../book/theme/js/timeline.js");

/// The page. It loads nothing.
#[must_use]
pub fn page(log: &Log) -> String {
    let title = svg::escape(&log.header.title);
    let picture = svg::render(log);
    let data = figure::data(log);
    let words = svg::escape(&text::render(log));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\" class=\"auto\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{COLOURS}\n{STYLE}\n{PAPER}\nhtml{{font-size:62.5%}}body{{font:16px/1.5 system-ui,sans-serif;max-width:96rem;margin:3rem auto;\
         padding:0 1.6rem;background:var(--bg);color:var(--fg)}}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <figure class=\"fig\" id=\"figure-1\"><time-line data-figure=\"figure-1\"><div class=\"fig-scroll\" \
         tabindex=\"0\">{picture}</div>{data}</time-line>\n<details class=\"as-text\" open><summary>As text</summary>\
         <pre class=\"log\">{words}</pre></details></figure>\n<script type=\"module\">\n{SCRUBBER}\n</script>\n\
         </body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::event::{Header, NodeInfo};

    #[test]
    fn the_page_loads_nothing() {
        let nodes = vec![NodeInfo { name: "coord".into(), role: "coord".into() }];
        let header = Header { title: "a <run>".into(), nodes, verdict: None };
        let html = page(&Log { header, events: vec![] });
        assert!(html.contains("a &lt;run&gt;"));
        assert!(!html.contains("src=") && !html.contains("@import") && !html.contains("url("));
    }
}
