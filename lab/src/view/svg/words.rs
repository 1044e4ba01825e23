//! Words in a diagram: safe, short, and broken into lines.

/// How wide a letter is, on average.
pub(super) const CHAR: f64 = 7.4;
/// From one line to the next.
pub(super) const LINE: f64 = 17.0;

/// Text made safe for SVG and HTML, in elements and in attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// How many letters text has, for computing with widths.
pub(super) fn letters(text: &str) -> f64 {
    u32::try_from(text.chars().count()).map_or(1000.0, f64::from)
}

/// At most `most` lines that fit into a width, and whether something was cut off.
pub(super) fn fold(text: &str, width: f64, most: usize) -> (Vec<String>, bool) {
    let mut lines = wrap(text, width);
    let cut = lines.len() > most;
    if cut {
        let rest = lines.split_off(most - 1).join(" ");
        lines.push(shorten(&rest, width));
    } else {
        lines = even(text, width, lines);
    }
    let long = lines.iter().any(|line| letters(line) * CHAR > width + CHAR);
    let short = lines.iter().map(|line| shorten(line, width)).collect();
    (short, cut || long)
}

/// As many lines, but as narrow as they can be.
fn even(text: &str, mut width: f64, mut lines: Vec<String>) -> Vec<String> {
    while width > CHAR {
        width -= CHAR;
        let narrower = wrap(text, width);
        if narrower.len() > lines.len() || narrower.iter().any(|l| letters(l) * CHAR > width + CHAR)
        {
            break;
        }
        lines = narrower;
    }
    lines
}

/// What fits into a width; what is cut off shows.
fn shorten(text: &str, width: f64) -> String {
    if letters(text) * CHAR <= width + CHAR {
        return text.to_string();
    }
    let mut kept: String = text.to_string();
    while letters(&kept) * CHAR > width && kept.chars().count() > 4 {
        kept.pop();
    }
    // Cut between words, unless that leaves next to nothing.
    let kept = match kept.rsplit_once(' ') {
        Some((words, _)) if letters(words) * 2.0 > letters(&kept) => words,
        _ => kept.as_str(),
    };
    format!("{}…", kept.trim_end_matches([' ', ',', ':', ';', '…']))
}

/// Lines that fit into a width, as far as single words do. Numbers stay with the word before them.
pub(super) fn wrap(text: &str, width: f64) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let number = word.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit());
        match words.last_mut() {
            Some(last) if number => *last = format!("{last} {word}"),
            _ => words.push(word.to_string()),
        }
    }
    let mut lines = vec![String::new()];
    for word in words {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            *line = word;
        } else if (letters(line) + 1.0 + letters(&word)) * CHAR > width {
            lines.push(word);
        } else {
            *line = format!("{line} {word}");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_folded_between_words_and_what_is_cut_shows() {
        let folded = |width: f64| fold("apply tx 1.1: umbrella -1", width * CHAR, 2);
        assert_eq!(folded(25.0), (vec!["apply tx 1.1: umbrella -1".to_string()], false));
        assert_eq!(folded(14.0), (vec!["apply tx 1.1:".into(), "umbrella -1".into()], false));
        assert_eq!(folded(10.0), (vec!["apply".into(), "tx 1.1…".into()], true));
    }
}
