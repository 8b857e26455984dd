use super::*;

const BID: &str = "0190d6c2-7b2e-7c1a-9d3f-5a1b2c3d4e5f";
const AUCTION: &str = "0190d6c2-0000-7000-8000-00000000000a";

/// A message as its bytes: field 1 bid_id, 2 user_id, 3 amount 1500, 4 timestamp 1700000000 s + 123456 us,
/// 5 auction_id, 6 sequence 3.
fn bytes() -> Vec<u8> {
    let timestamp = [
        0x08, 0x80, 0xe2, 0xcf, 0xaa, 0x06, // 1: 1700000000
        0x10, 0x80, 0x94, 0xef, 0x3a, // 2: 123456000
    ];
    [
        &[0x0a, 36],
        BID.as_bytes(),
        &[0x12, 3],
        b"ann",
        &[0x18, 0xdc, 0x0b],
        &[0x22, 11],
        &timestamp,
        &[0x2a, 36],
        AUCTION.as_bytes(),
        &[0x30, 3],
    ]
    .concat()
}

fn event() -> Item {
    Item {
        id: BID.parse().unwrap(),
        key: AUCTION.parse().unwrap(),
        n: 3,
        content: placed("ann".to_owned(), 1_500, 1_700_000_000_123_456),
    }
}

fn json() -> String {
    format!(
        r#"{{"bidId": "{BID}", "amount": "1500", "userId": "ann", "sequence": "3",
            "auctionId": "{AUCTION}", "timestamp": "2023-11-14T22:13:20.123456Z"}}"#
    )
}

fn said_of_wire(bytes: &[u8]) -> String {
    from_wire(bytes).expect_err("a breach").to_string()
}

/// What is said of the payload with one thing replaced by another.
fn said_of_json(what: &str, by: &str) -> String {
    let changed = json().replace(what, by);
    assert_ne!(changed, json(), "{what} is not in it");
    let breach = from_json("auction.v1.BidPlaced", &changed);
    breach.expect_err("a breach").to_string()
}

fn with(field: &[u8]) -> Vec<u8> {
    [&bytes(), field].concat()
}

#[test]
fn a_message_is_read_by_its_bytes() {
    assert_eq!(from_wire(&bytes()).unwrap(), event());
}

#[test]
fn an_outbox_row_is_read_by_its_text_whatever_the_order() {
    assert_eq!(from_json("auction.v1.BidPlaced", &json()).unwrap(), event());
}

#[test]
fn an_instant_may_be_written_with_any_offset() {
    let offset = json().replace("T22:13:20.123456Z", "T23:13:20.123456+01:00");
    assert_eq!(from_json("auction.v1.BidPlaced", &offset).unwrap(), event());
}

#[test]
fn what_readers_rely_on_is_in_the_contract() {
    let fields: Vec<(u32, String)> = BID_PLACED
        .fields()
        .map(|field| {
            (
                field.number(),
                format!("{:?} {}", field.kind(), field.name()),
            )
        })
        .collect();
    let wanted = [
        (1, "string bid_id"),
        (2, "string user_id"),
        (3, "int64 amount"),
        (4, "google.protobuf.Timestamp timestamp"),
        (5, "string auction_id"),
        (6, "int64 sequence"),
    ];
    assert_eq!(
        fields,
        wanted.map(|(number, field)| (number, field.to_owned()))
    );
}

#[test]
fn bytes_that_are_no_message_are_said() {
    assert!(said_of_wire(&bytes()[..20]).starts_with("not a auction.v1.BidPlaced: "));
    assert!(said_of_wire(b"{\"bidId\": 1}").starts_with("not a auction.v1.BidPlaced: "));
}

#[test]
fn unknown_fields_are_said_wherever_they_are() {
    assert_eq!(
        said_of_wire(&with(&[0x38, 1])),
        "auction.v1.BidPlaced has fields that the contract does not know: numbers [7]"
    );
    // Field 4 comes once more and is merged: a third number within the timestamp.
    assert_eq!(
        said_of_wire(&with(&[0x22, 2, 0x18, 1])),
        "google.protobuf.Timestamp has fields that the contract does not know: numbers [3]"
    );
    assert!(said_of_json("\"sequence\"", "\"extra\": 1, \"sequence\"").contains("extra"));
}

#[test]
fn a_field_that_is_missing_is_said() {
    let sequence_missing = &bytes()[..bytes().len() - 2];
    assert_eq!(
        said_of_wire(sequence_missing),
        "sequence is 0, not greater than zero"
    );
    assert_eq!(said_of_wire(&[]), "user_id has 0 characters");
    let timestamp = ", \"timestamp\": \"2023-11-14T22:13:20.123456Z\"";
    assert_eq!(said_of_json(timestamp, ""), "timestamp is missing");
}

#[test]
fn a_uuid_in_another_spelling_is_said() {
    let spelt = BID.to_uppercase();
    let said = format!("bid_id is {spelt:?}, no UUID in canonical form");
    assert_eq!(said_of_json(BID, &spelt), said);
    let simple = BID.replace('-', "");
    assert!(said_of_json(BID, &simple).contains("no UUID in canonical form"));
    assert!(said_of_json(AUCTION, "lot 7").starts_with("auction_id is \"lot 7\""));
}

#[test]
fn a_time_with_more_than_microseconds_is_said() {
    let said = said_of_json(".123456Z", ".123456789Z");
    assert!(said.starts_with("timestamp has 123456789 ns"), "{said}");
    // Field 2 of the timestamp again, this time -1.
    let negative = [
        0x22, 11, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
    ];
    assert!(said_of_wire(&with(&negative)).starts_with("timestamp has -1 ns"));
    // And this time a whole second.
    let second = [0x22, 6, 0x10, 0x80, 0x94, 0xeb, 0xdc, 0x03];
    assert!(said_of_wire(&with(&second)).starts_with("timestamp has 1000000000 ns"));
    let whole = json().replace(".123456Z", "Z");
    assert!(from_json("auction.v1.BidPlaced", &whole).is_ok());
}

#[test]
fn a_bidders_name_has_one_to_128_characters() {
    let named = |characters: usize| {
        let name = format!("\"{}\"", "ü".repeat(characters));
        from_json("auction.v1.BidPlaced", &json().replace("\"ann\"", &name))
    };
    assert!(named(1).is_ok());
    assert!(named(128).is_ok());
    let breach = named(129).expect_err("too long");
    assert_eq!(breach.to_string(), "user_id has 129 characters");
}

#[test]
fn json_that_only_parsers_take_is_said() {
    assert_eq!(
        said_of_json("\"1500\"", "1500"),
        "not canonical JSON: amount is 1500, not \"1500\""
    );
    assert_eq!(
        said_of_json("bidId", "bid_id"),
        format!("not canonical JSON: bid_id is \"{BID}\", not null")
    );
    assert!(said_of_json("\"ann\"", "\"ann\"} trailing {").contains("JSON"));
}

#[test]
fn another_type_of_event_is_said() {
    let other = from_json("auction.v2.BidPlaced", &json()).expect_err("a breach");
    assert_eq!(
        other.to_string(),
        "event_type is \"auction.v2.BidPlaced\", not \"auction.v1.BidPlaced\""
    );
}
