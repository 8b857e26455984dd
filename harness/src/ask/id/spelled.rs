//! How an id stands in the text of a row, for a database to search by.

use super::Id;

impl Id {
    /// What a row's text, in lower case, may have of it: the UUID with hyphens or without, in either order of bytes; the
    /// token; the number; and each of these texts in hexadecimal, as a `bytea` shows it. Not base64.
    pub fn spellings(self) -> Vec<String> {
        let uuid = self.uuid();
        let texts = [
            Some(uuid.hyphenated().to_string()),
            Some(uuid.simple().to_string()),
            Some(self.token()),
            self.number().map(|number| number.to_string()),
        ];
        let swapped = uuid.to_bytes_le();
        let mut all = vec![hex(&swapped)];
        for text in texts.into_iter().flatten() {
            for written in [text.clone(), text.to_uppercase()] {
                let coded = hex(written.as_bytes());
                if !all.contains(&coded) {
                    all.push(coded);
                }
            }
            all.push(text);
        }
        all
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
