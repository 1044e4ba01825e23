use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn checkout(quantity: &serde_json::Value) -> Result<Request, BadRequest> {
    let body = json!({"key": "k", "item": "boots", "quantity": quantity, "customer": "alice"});
    Request::checkout(body.to_string().as_bytes())
}

/// Whatever is accepted moves a bounded amount between distinct, known accounts.
fn is_sound(request: &Request) -> bool {
    let changes: Vec<_> = request
        .order
        .0
        .iter()
        .flat_map(|(id, branch)| branch.iter().map(move |c| (*id, c)))
        .collect();
    let distinct: BTreeSet<_> = changes.iter().map(|(id, c)| (*id, c.account.clone())).collect();
    let coins = |id| changes.iter().filter(|(i, _)| *i == id).map(|(_, c)| c.by).sum::<i64>();
    distinct.len() == changes.len()
        && changes.iter().all(|(_, c)| c.by != 0 && c.by.unsigned_abs() <= MOST)
        && changes.iter().all(|(id, c)| catalog::known(catalog::ledger(*id), &c.account.0))
        && (coins(PAY) == 0 || coins(PAY) + coins(STOCK) == 0)
}

#[test]
fn a_checkout_takes_goods_off_the_shelf_and_pays_the_till() {
    let request = checkout(&json!(3)).unwrap();
    let lines = [(STOCK, "boots", -3), (PAY, "alice", -90), (PAY, TILL, 90)];
    assert_eq!(request.order, Order::new(&lines));
}

#[test]
fn an_amount_is_a_whole_number_from_one_to_the_most() {
    let huge = MOST + 1;
    for bad in [json!(0), json!(-1), json!(1.5), json!("1"), json!(null), json!(huge), json!(MOST)]
    {
        assert!(checkout(&bad).is_err(), "{bad}");
    }
    let transfer = |amount: u64| {
        let body = json!({"key":"k","from":"pay/bob","to":"pay/alice","amount":amount});
        Request::transfer(body.to_string().as_bytes())
    };
    assert!(transfer(MOST).is_ok() && transfer(1).is_ok());
    assert_eq!(transfer(MOST + 1), Err(BadRequest::Amount("amount")));
}

#[test]
fn unknown_fields_fields_given_twice_and_missing_ones_are_refused() {
    for bad in [
        r#"{"key":"k","from":"pay/bob","to":"pay/alice","amount":1,"admin":true}"#,
        r#"{"key":"k","from":"pay/bob","to":"pay/alice","amount":1,"amount":2}"#,
        r#"{"key":"k","from":"pay/bob","to":"pay/alice"}"#,
        r#"{"key":"k","from":"pay/bob","to":"pay/alice","amount":1} x"#,
        "",
        "[]",
    ] {
        assert!(matches!(Request::transfer(bad.as_bytes()), Err(BadRequest::Json(_))), "{bad}");
    }
}

#[test]
fn a_key_is_short_and_visible() {
    for (key, good) in [("a", true), ("", false), ("a b", false), ("ä", false), ("\u{7f}", false)]
    {
        assert_eq!(checked_key(key).is_ok(), good, "{key:?}");
    }
    assert!(checked_key(&"k".repeat(64)).is_ok());
    assert!(checked_key(&"k".repeat(65)).is_err());
}

#[test]
fn no_account_pays_itself_and_no_unknown_account_pays() {
    let transfer = |from: &str, to: &str| {
        let body = json!({"key":"k","from":from,"to":to,"amount":1});
        Request::transfer(body.to_string().as_bytes())
    };
    assert!(transfer("stock/umbrella", "pay/alice").is_ok());
    assert!(matches!(transfer("pay/bob", "pay/bob"), Err(BadRequest::SameAccount(_))));
    for bad in ["pay/mallory", "bank/bob", "pay", "/", "", "pay/bob/x", "pay/ bob"] {
        assert!(matches!(transfer(bad, "pay/alice"), Err(BadRequest::Account(_))), "{bad}");
    }
    let till = json!({"key":"k","item":"boots","quantity":1,"customer":"till"}).to_string();
    assert!(matches!(Request::checkout(till.as_bytes()), Err(BadRequest::SameAccount(_))));
}

#[test]
fn a_read_names_each_account_once_and_changes_nothing() {
    let order = read_only(Some("pay/bob,pay/bob,stock/boots")).unwrap();
    assert!(order.is_read());
    assert_eq!(order.0[&PAY].len(), 1);
    assert!(read_only(Some("pay/bob,")).is_err());
    assert_eq!(read_only(None).unwrap().0.values().map(|branch| branch.len()).sum::<usize>(), 7);
    assert_eq!(read_only(Some("all")).unwrap().0[&STOCK].len(), 1_003);
}

/// JSON values of every kind, among them the right ones.
fn value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(json!("k")),
        Just(json!("pay/alice")),
        Just(json!("stock/s0001")),
        Just(json!("boots")),
        Just(json!("alice")),
        any::<u64>().prop_map(|n| json!(n)),
        (0_u64..5).prop_map(|n| json!(n)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,80}".prop_map(|s| json!(s)),
        Just(json!(null)),
        Just(json!([[{}]])),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Request::checkout(&bytes).is_err() && Request::transfer(&bytes).is_err());
        let _ = read_only(std::str::from_utf8(&bytes).ok());
    }

    #[test]
    fn whatever_is_accepted_is_sound(values in proptest::collection::vec(value(), 4)) {
        let [a, b, c, d] = &values[..] else { unreachable!("four values") };
        let transfer = json!({"key": a, "from": b, "to": c, "amount": d}).to_string();
        if let Ok(request) = Request::transfer(transfer.as_bytes()) {
            prop_assert!(is_sound(&request), "{request:?}");
        }
        let checkout = json!({"key": a, "item": b, "quantity": d, "customer": c}).to_string();
        if let Ok(request) = Request::checkout(checkout.as_bytes()) {
            prop_assert!(is_sound(&request), "{request:?}");
        }
    }
}
