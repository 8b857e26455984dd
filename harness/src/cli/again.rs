//! The command that repeats a run when it is pasted: what was run, with which seed, on what.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use reqwest::Url;

use super::default_scenarios;
use crate::{
    ask::target::built_in,
    servers::{
        backend::{Details, Kind, Wanted},
        lab::Lab,
    },
};

/// The folder of scenarios that the lab itself has found.
pub(super) const FOUND: &str = "found";

/// `cargo lab` with one target on the same servers.
#[derive(Debug, Clone)]
pub(super) struct Again {
    /// The words by which the target is asked for.
    pub target: String,
    /// Without the settings of its `[laboratory]`.
    pub as_shipped: bool,
    /// Where names are looked up, if not where they usually are.
    pub scenarios: Option<PathBuf>,
    /// What it ran on; never `auto`, which may choose otherwise the next time.
    pub backend: Kind,
    /// Images or URLs.
    pub details: Details,
}

impl Again {
    /// On a lab that was started as wanted.
    pub fn of(target: &str, as_shipped: bool, lab: &Lab, wanted: &Wanted) -> Self {
        Self {
            target: target.to_owned(),
            as_shipped,
            scenarios: None,
            backend: lab.backend(),
            details: wanted.details.clone(),
        }
    }

    /// The command for a file of what was found: by its name where names are looked up, else by its path.
    pub fn of_found(&self, file: &Path, seed: u64) -> String {
        let by_name = file.parent() == Some(&default_scenarios().join(FOUND));
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        match by_name {
            true => self.command(&format!("{FOUND}/{stem}"), seed),
            false => self.command(&file.display().to_string(), seed),
        }
    }

    /// The command for a scenario's name, or the file that it was read from, and a seed.
    pub fn command(&self, asked: &str, seed: u64) -> String {
        self.words(&format!("run {}", quoted(asked)), seed)
    }

    /// The command of these words, which a shell takes as they are, and a seed.
    pub fn words(&self, words: &str, seed: u64) -> String {
        let mut command = format!("cargo lab {words} --seed {seed}");
        if self.target != built_in::OURS {
            command.push_str(&format!(" --target {}", quoted(&self.target)));
        }
        if self.as_shipped {
            command.push_str(" --as-shipped");
        }
        let mut option = |name: &str, value: String| {
            command.push_str(&format!(" --{name} {value}"));
        };
        if let Some(folder) = &self.scenarios {
            option("scenarios", quoted(folder.display()));
        }
        option("backend", self.backend.name().to_owned());
        match self.backend {
            Kind::Docker => {
                let images = &self.details.images;
                let named = [
                    ("postgres-image", &images.postgres_image),
                    ("rabbitmq-image", &images.rabbitmq_image),
                    ("toxiproxy-image", &images.toxiproxy_image),
                ];
                for (name, image) in named {
                    image.iter().for_each(|image| option(name, quoted(image)));
                }
            }
            Kind::External => {
                let urls = &self.details.urls;
                let named = [
                    ("database-url", "LAB_DATABASE_URL", &urls.database_url),
                    ("amqp-url", "LAB_AMQP_URL", &urls.amqp_url),
                    ("amqp-api-url", "LAB_AMQP_API_URL", &urls.amqp_api_url),
                ];
                for (name, variable, url) in named {
                    url.iter().for_each(|url| option(name, open(url, variable)));
                }
            }
            Kind::Native | Kind::Auto => {}
        }
        command
    }
}

/// A password is never printed: the shell puts the URL in from the lab's variable for it.
fn open(url: &Url, variable: &str) -> String {
    match url.password() {
        Some(_) => format!("\"${variable}\""),
        None => quoted(url),
    }
}

/// As one word of a shell.
fn quoted(word: impl Display) -> String {
    let word = word.to_string();
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "/_-.,:@%+=".contains(sign);
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(backend: Kind, details: &Details) -> Again {
        Again {
            target: built_in::OURS.to_owned(),
            as_shipped: false,
            scenarios: None,
            backend,
            details: details.clone(),
        }
    }

    #[test]
    fn the_backend_and_its_images_are_part_of_the_command() {
        let mut details = Details::default();
        assert_eq!(
            again(Kind::Native, &details).command("recovery/slow_link", 7),
            "cargo lab run recovery/slow_link --seed 7 --backend native"
        );
        details.images.postgres_image = Some("postgres:15".to_owned());
        assert_eq!(
            again(Kind::Docker, &details).command("recovery/slow_link", 7),
            "cargo lab run recovery/slow_link --seed 7 --backend docker --postgres-image postgres:15"
        );
    }

    #[test]
    fn a_file_is_asked_for_by_its_path_and_a_folder_of_scenarios_by_its_own() {
        let again = Again {
            target: "shop/target.toml".to_owned(),
            as_shipped: true,
            scenarios: Some("/other/scenarios".into()),
            ..again(Kind::Native, &Details::default())
        };
        assert_eq!(
            again.command("my stories/it's.toml", 1),
            r"cargo lab run 'my stories/it'\''s.toml' --seed 1 --target shop/target.toml --as-shipped --scenarios /other/scenarios --backend native"
        );
    }

    #[test]
    fn what_was_found_is_asked_for_by_name_where_names_are_looked_up() {
        let again = again(Kind::Native, &Details::default());
        let command = |folder: &Path| again.of_found(&folder.join("loss_1.toml"), 3);
        let there = command(&default_scenarios().join(FOUND));
        assert!(there.starts_with("cargo lab run found/loss_1 --seed 3"));
        let elsewhere = command(Path::new("kept"));
        assert!(elsewhere.starts_with("cargo lab run kept/loss_1.toml "));
    }

    #[test]
    fn a_password_is_left_to_the_environment() {
        let mut details = Details::default();
        details.urls.database_url = Some("postgres://ann:secret@db.example/x".parse().unwrap());
        details.urls.amqp_url = Some("amqp://broker.example?heartbeat=5".parse().unwrap());
        assert_eq!(
            again(Kind::External, &details).command("failure", 7),
            "cargo lab run failure --seed 7 --backend external --database-url \"$LAB_DATABASE_URL\" \
             --amqp-url 'amqp://broker.example?heartbeat=5'"
        );
    }
}
