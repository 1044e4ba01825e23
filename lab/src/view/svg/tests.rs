use super::*;
use crate::event::{Header, NodeInfo};

fn event(
    seq: u64,
    node: &str,
    kind: Kind,
    text: &str,
    peer: Option<&str>,
    causes: &[u64],
) -> Event {
    Event {
        seq,
        time: 0,
        node: node.into(),
        kind,
        text: text.into(),
        peer: peer.map(Into::into),
        causes: causes.to_vec(),
        input: None,
        state: None,
    }
}

/// A small order that stops half way: what all view tests look at.
pub(crate) fn half_an_order() -> Log {
    let nodes = ["client", "coord", "stock", "pay"]
        .map(|name| NodeInfo { name: name.into(), role: name.into() });
    let header = Header {
        title: "half an <order>".into(),
        nodes: nodes.to_vec(),
        verdict: Some("unsafe".into()),
    };
    let events = vec![
        event(1, "client", Kind::Send, "buy umbrella", Some("coord"), &[]),
        event(2, "coord", Kind::Receive, "buy umbrella", Some("client"), &[1]),
        event(3, "coord", Kind::Send, "take 1", Some("stock"), &[2]),
        event(4, "coord", Kind::Send, "take 20", Some("pay"), &[2]),
        event(5, "stock", Kind::Receive, "take 1", Some("coord"), &[3]),
        event(6, "stock", Kind::Persist, "stock 0", None, &[5]),
        event(7, "pay", Kind::Crash, "lost: nothing", None, &[]),
        event(8, "stock", Kind::Send, "taken", Some("coord"), &[5]),
        event(9, "coord", Kind::Lose, "taken", Some("stock"), &[8]),
        event(
            10,
            "stock",
            Kind::Violation,
            "all or nothing: stock took it, pay did not",
            None,
            &[],
        ),
    ];
    Log { header, events }
}

#[test]
fn equal_logs_give_equal_pictures() {
    assert_eq!(render(&half_an_order()), render(&half_an_order()));
}

#[test]
fn the_picture_has_a_title_and_no_ids_and_no_blank_lines() {
    let svg = render(&half_an_order());
    assert!(svg.contains("role=\"img\""));
    assert!(svg.contains("<title>half an &lt;order&gt;</title>"));
    assert!(!svg.contains(" id="), "the print page would repeat it");
    assert!(!svg.contains('\n'), "Markdown ends an HTML block at a blank line");
}

#[test]
fn a_loss_a_crash_a_record_and_a_violation_have_shapes_of_their_own() {
    let svg = render(&half_an_order());
    for class in
        ["class=\"lost\"", "mark crash", "class=\"down\"", "mark persist", "class=\"verdict\""]
    {
        assert!(svg.contains(class), "{class} is missing");
    }
}

#[test]
fn every_event_is_a_group_with_its_number() {
    let svg = render(&half_an_order());
    for seq in 1..=10 {
        // One group of strokes, and one of words on top of all strokes.
        assert_eq!(svg.matches(&format!("data-seq=\"{seq}\"")).count(), 2, "event {seq}");
    }
}

#[test]
fn a_send_that_nothing_became_of_ends_in_a_short_stub() {
    let mut log = half_an_order();
    log.events.truncate(4);
    assert_eq!(render(&log).matches("shaft dashed").count(), 2);
}

#[test]
fn words_that_are_cut_off_are_in_a_title_and_long_ones_have_a_second_line() {
    let mut log = half_an_order();
    log.events[0].text = "order order-1: umbrella -1, alice -1, till +1".into();
    let svg = render(&log);
    assert!(svg.contains("umbrella -1,</tspan>"), "a second line");
    assert!(!svg.contains('…'));
    let long = ["a very long sentence"; 9].join(", and ");
    log.events[0].text.clone_from(&long);
    let svg = render(&log);
    assert!(svg.contains(&format!("<title>{long}</title>")));
    assert!(svg.contains("…</tspan>"));
}

#[test]
fn words_of_a_fan_out_keep_clear_of_its_arrows() {
    let log = half_an_order();
    let layout = Layout::of(&log, &Messages::of(&log));
    let arrow = geometry::Shaft {
        send: 3,
        end: 5,
        from: (layout.columns[1], layout.rows[&3]),
        to: (layout.columns[2], layout.rows[&5]),
    };
    for label in layout.labels.values() {
        assert!(!arrow.crosses(&label.area()), "{label:?}");
    }
}

#[test]
fn every_event_says_how_far_down_it_is() {
    let log = half_an_order();
    let layout = Layout::of(&log, &Messages::of(&log));
    let svg = render(&log);
    for (seq, y) in &layout.rows {
        assert!(svg.contains(&format!("data-seq=\"{seq}\" data-y=\"{y:.1}\"")), "event {seq}");
    }
}

#[test]
fn a_role_without_a_colour_gets_the_client_s() {
    assert_eq!(role_colour("weather"), role_colour("client"));
}
