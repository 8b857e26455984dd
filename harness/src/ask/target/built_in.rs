//! The targets that are part of the lab, by their names.

use super::Target;

/// Their names and their files.
const FILES: [(&str, &str); 1] = [(OURS, include_str!("../../../targets/auction/target.toml"))];

/// What the service of this repository is called as a target.
pub const OURS: &str = "auction";

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.into_iter().map(|(name, _)| name)
}

impl Target {
    /// The service of this repository: the target where none is named.
    pub fn ours() -> Self {
        Self::built_in(OURS).expect("it is among the files")
    }

    /// Whether this is the service of this repository, as it is: its own rules are judged, too.
    pub fn is_ours(&self) -> bool {
        self.folder.is_none() && self.name == OURS
    }

    /// The one of this name.
    pub fn built_in(name: &str) -> Option<Self> {
        let (_, text) = FILES.into_iter().find(|(known, _)| *known == name)?;
        Some(Self::read(text).expect("every built-in file is read by a test"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_sound_file_of_its_own_name() {
        for name in names() {
            assert_eq!(Target::built_in(name).expect(name).name, name);
        }
        assert_eq!(Target::built_in("shop"), None);
    }
}
