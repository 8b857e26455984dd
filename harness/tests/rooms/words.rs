//! The words of the auction service are spoken in its own rooms, and at doors that are known.

use std::{collections::BTreeMap, fs, path::Path};

use super::walk;

/// Where the lab speaks of what only the service of this repository has.
const OF_AUCTIONS: [&str; 3] = ["ask/auction", "run/auction", "judge/auction"];
/// Whose words they are. Everywhere else there are operations of keys.
const ITS_WORDS: [&str; 6] = ["auction", "auctions", "bid", "bids", "lane", "lanes"];
/// Where its words stand all the same: in how many lines, and why.
const DOORS: &[(&str, usize, &str)] = &[
    ("ask.rs", 1, "the room"),
    (
        "ask/fault/action.rs",
        1,
        "the door to what is done to it alone",
    ),
    (
        "ask/scenario.rs",
        2,
        "the section's name, and the door to what it says",
    ),
    (
        "ask/target/built_in.rs",
        2,
        "the target's name and its file",
    ),
    ("cli/named.rs", 1, "an answer to a misspelt name"),
    ("cli/up.rs", 3, "how to talk to it by hand"),
    ("judge.rs", 3, "the room, its proof, and its model"),
    ("judge/own.rs", 1, "the door to it"),
    ("run.rs", 1, "the room"),
    ("run/own.rs", 1, "the door to it"),
];

#[test]
fn nothing_outside_its_rooms_knows_what_an_auction_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut inside = 0;
    for path in files {
        let text = fs::read_to_string(&path).expect("a source file");
        let lines = text.lines().filter(|line| speaks_of_auctions(line)).count();
        let path = path.strip_prefix(&root).expect("a path below");
        let module = path.with_extension("");
        if OF_AUCTIONS.iter().any(|room| module.starts_with(room)) {
            inside += lines;
        } else if lines > 0 {
            found.insert(path.to_string_lossy().into_owned(), lines);
        }
    }
    assert!(inside > 100, "its rooms are not where they were");
    let doors = DOORS.iter();
    let doors: BTreeMap<String, usize> = doors
        .map(|(path, lines, _)| ((*path).to_owned(), *lines))
        .collect();
    assert_eq!(
        found, doors,
        "lines with its words, and the doors that are known"
    );
}

fn speaks_of_auctions(line: &str) -> bool {
    line.split(|sign: char| !(sign.is_alphanumeric() || sign == '_'))
        .any(|word| ITS_WORDS.contains(&word.to_lowercase().as_str()))
}

#[test]
fn its_words_are_found_in_code_and_comments_and_only_whole() {
    for line in [
        "use judge::auction::told;",
        "// A lane's owner",
        "Voice::Auction(x)",
        "FROM bids b",
    ] {
        assert!(speaks_of_auctions(line), "{line}");
    }
    for line in ["the relays_lane", "forbid", "bids_shown", "planes"] {
        assert!(!speaks_of_auctions(line), "{line}");
    }
}
