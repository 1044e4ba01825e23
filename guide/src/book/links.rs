//! Links inside the built book: every target must exist, fragments included.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::Error;

struct Html {
    ids: BTreeSet<String>,
    links: Vec<String>,
}

/// Every dead link, and every reference to another origin that a browser would load by itself.
#[must_use]
pub fn dead(site: &Path) -> Vec<Error> {
    let mut pages = BTreeMap::new();
    collect(site, &mut pages);
    let mut bad = Vec::new();
    for (file, html) in &pages {
        let name = file.strip_prefix(site).unwrap_or(file).display().to_string();
        // Its links are those of the pages it repeats; its table of contents has no page of its own.
        if name == "print.html" || name == "404.html" || name == "toc.html" {
            continue;
        }
        for link in &html.links {
            if let Some(why) = wrong(site, file, link, &pages) {
                bad.push(Error::at(name.clone(), why, "correct the link, or write the page"));
            }
        }
    }
    bad.sort();
    bad.dedup();
    bad
}

fn wrong(site: &Path, from: &Path, link: &str, pages: &BTreeMap<PathBuf, Html>) -> Option<String> {
    if link.is_empty() || link.starts_with("data:") || link.starts_with("mailto:") {
        return None;
    }
    if let Some(loaded) = link.strip_prefix("load ") {
        let other =
            loaded.starts_with("http:") || loaded.starts_with("https:") || loaded.starts_with("//");
        if other {
            return Some(format!("loads {loaded} from another origin"));
        }
        return wrong(site, from, loaded, pages);
    }
    if link.contains("://") {
        return None;
    }
    let (path, fragment) = link.split_once('#').map_or((link, None), |(p, f)| (p, Some(f)));
    let path = path.split('?').next().unwrap_or(path);
    let target = if path.is_empty() {
        from.to_path_buf()
    } else if let Some(absolute) = path.strip_prefix('/') {
        normal(&site.join(absolute))
    } else {
        normal(&from.parent().unwrap_or(site).join(path))
    };
    let target = if target.is_dir() { target.join("index.html") } else { target };
    if !target.exists() {
        return Some(format!("link to {link}: no such page"));
    }
    let fragment = fragment?.split('@').next().unwrap_or("");
    let known = pages.get(&target)?;
    // `#breakit=…` reopens a state of an exhibit; it names no place.
    let names_place = !fragment.is_empty() && !fragment.contains('=');
    (names_place && !known.ids.contains(&decode(fragment)))
        .then(|| format!("link to {link}: no such heading"))
}

fn collect(folder: &Path, pages: &mut BTreeMap<PathBuf, Html>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, pages);
        } else if path.extension().is_some_and(|e| e == "html")
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            pages.insert(normal(&path), parse(&text));
        }
    }
}

fn parse(text: &str) -> Html {
    let mut html = Html { ids: BTreeSet::new(), links: Vec::new() };
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let Some(end) = tag_end(after) else { break };
        let tag = &after[..end];
        rest = &after[end..];
        let name = tag.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or("");
        if name == "script" || name == "style" {
            let close = format!("</{name}");
            rest = rest.split_once(close.as_str()).map_or("", |(_, r)| r);
        }
        html.ids.extend(attribute(tag, "id"));
        let loads = matches!(name, "script" | "img" | "iframe" | "source" | "link");
        for key in ["href", "src"] {
            if let Some(link) = attribute(tag, key) {
                html.links.push(if loads { format!("load {link}") } else { link });
            }
        }
    }
    html
}

fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (i, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(i),
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
    }
    None
}

fn attribute(tag: &str, key: &str) -> Option<String> {
    let mut rest = tag;
    let want = format!("{key}=");
    while let Some(at) = rest.find(&want) {
        let value = &rest[at + want.len()..];
        if rest[..at].ends_with(char::is_whitespace) {
            let quote = value.chars().next().filter(|c| *c == '"' || *c == '\'');
            let text = match quote {
                Some(q) => value[1..].split(q).next().unwrap_or(""),
                None => value.split(char::is_whitespace).next().unwrap_or(""),
            };
            return Some(text.replace("&amp;", "&"));
        }
        rest = value;
    }
    None
}

fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        if part == std::path::Component::ParentDir {
            out.pop();
        } else {
            out.push(part);
        }
    }
    out
}

fn decode(fragment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = fragment.bytes();
    while let Some(b) = rest.next() {
        let hex: Vec<u8> = if b == b'%' { rest.clone().take(2).collect() } else { vec![] };
        let code = std::str::from_utf8(&hex).ok().and_then(|h| u8::from_str_radix(h, 16).ok());
        match code {
            Some(code) if hex.len() == 2 => {
                bytes.push(code);
                rest.nth(1);
            }
            _ => bytes.push(b),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_pages_dead_headings_and_other_origins_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let page = "<h2 id=\"here\">x</h2><a href=\"#here\">ok</a><a href=\"b.html#there\">ok</a>\
                    <a href=\"#gone\">no</a><a href=\"c.html\">no</a><a href=\"https://example.org\">ok</a>\
                    <script src=\"https://example.org/x.js\"></script>";
        std::fs::write(dir.path().join("a.html"), page).unwrap();
        std::fs::write(dir.path().join("b.html"), "<p id='there'>y</p>").unwrap();
        let bad: Vec<String> = dead(dir.path()).into_iter().map(|t| t.what).collect();
        assert_eq!(bad.len(), 3, "{bad:?}");
        assert!(bad.iter().any(|b| b.contains("#gone")));
        assert!(bad.iter().any(|b| b.contains("c.html")));
        assert!(bad.iter().any(|b| b.contains("another origin")));
    }
}
