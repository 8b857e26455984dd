//! The command that repeats a run when it is pasted: what was run, with which seed, on what.

use std::{fmt::Display, path::Path};

use reqwest::Url;

use crate::servers::backend::{Details, Kind};

/// `cargo lab run` of one scenario.
#[derive(Debug)]
pub(super) struct Again<'a> {
    /// Its name, or the file it was read from.
    pub asked: &'a str,
    /// The target, if not the usual one.
    pub target: Option<&'a str>,
    /// Without the settings of its `[laboratory]`.
    pub as_shipped: bool,
    /// Where names are looked up, if not where they usually are.
    pub scenarios: Option<&'a Path>,
    /// What it ran on; never `auto`, which may choose otherwise the next time.
    pub backend: Kind,
    /// Images or URLs.
    pub details: &'a Details,
}

impl Again<'_> {
    /// The command for a seed.
    pub fn command(&self, seed: u64) -> String {
        let mut command = format!("cargo lab run {} --seed {seed}", quoted(self.asked));
        if let Some(target) = self.target {
            command.push_str(&format!(" --target {}", quoted(target)));
        }
        if self.as_shipped {
            command.push_str(" --as-shipped");
        }
        let mut option = |name: &str, value: String| {
            command.push_str(&format!(" --{name} {value}"));
        };
        if let Some(folder) = self.scenarios {
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

    fn again(asked: &str, backend: Kind, details: &Details) -> String {
        let again = Again {
            asked,
            target: None,
            as_shipped: false,
            scenarios: None,
            backend,
            details,
        };
        again.command(7)
    }

    #[test]
    fn the_backend_and_its_images_are_part_of_the_command() {
        let mut details = Details::default();
        assert_eq!(
            again("recovery/slow_link", Kind::Native, &details),
            "cargo lab run recovery/slow_link --seed 7 --backend native"
        );
        details.images.postgres_image = Some("postgres:15".to_owned());
        assert_eq!(
            again("recovery/slow_link", Kind::Docker, &details),
            "cargo lab run recovery/slow_link --seed 7 --backend docker --postgres-image postgres:15"
        );
    }

    #[test]
    fn a_file_is_asked_for_by_its_path_and_a_folder_of_scenarios_by_its_own() {
        let details = Details::default();
        let again = Again {
            asked: "my stories/it's.toml",
            target: Some("shop/target.toml"),
            as_shipped: true,
            scenarios: Some(Path::new("/other/scenarios")),
            backend: Kind::Native,
            details: &details,
        };
        assert_eq!(
            again.command(1),
            r"cargo lab run 'my stories/it'\''s.toml' --seed 1 --target shop/target.toml --as-shipped --scenarios /other/scenarios --backend native"
        );
    }

    #[test]
    fn a_password_is_left_to_the_environment() {
        let mut details = Details::default();
        details.urls.database_url = Some("postgres://ann:secret@db.example/x".parse().unwrap());
        details.urls.amqp_url = Some("amqp://broker.example?heartbeat=5".parse().unwrap());
        assert_eq!(
            again("failure", Kind::External, &details),
            "cargo lab run failure --seed 7 --backend external --database-url \"$LAB_DATABASE_URL\" \
             --amqp-url 'amqp://broker.example?heartbeat=5'"
        );
    }
}
