//! Words in a diagram: safe, short, and broken into lines.

use super::CHAR;

/// Text made safe for SVG and HTML, in elements and in attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// At most so many characters; what is cut off shows.
pub(super) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    // Cut between words, unless that leaves next to nothing.
    let kept = match kept.rsplit_once(' ') {
        Some((words, _)) if words.chars().count() * 2 > most => words,
        _ => kept.as_str(),
    };
    format!("{}…", kept.trim_end_matches([' ', ',', ':', ';']))
}

/// Lines that fit into a diagram of this width.
pub(super) fn wrap(text: &str, width: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        let long = u32::try_from(line.chars().count() + word.chars().count()).unwrap_or(80);
        if !line.is_empty() && f64::from(long) * CHAR > width - 90.0 {
            lines.push(word.to_string());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
