//! Which images are used, and how they come here.

use std::{collections::HashMap, fmt, time::Duration};

use anyhow::{Context, Result, bail};
use futures_util::TryStreamExt;
use testcontainers::{
    GenericImage,
    bollard::{
        errors::Error,
        query_parameters::{CreateImageOptions, RemoveImageOptions},
    },
    core::ContainerRequest,
};
use tokio::time::timeout;

use super::daemon::Daemon;
use crate::os::terminal::bar;

/// The official images that a lab uses when nobody says otherwise.
const POSTGRES: &str = "postgres:17";
const RABBITMQ: &str = "rabbitmq:4.0-management";
/// Where `lab images` puts what it makes.
pub(super) const OURS: &str = "outbox-lab";
const REGISTRY_WITHIN: Duration = Duration::from_secs(10);
/// What `lab images` makes of it.
const TOXIPROXY: &str = "outbox-lab/toxiproxy:latest";
/// From the first byte to the last.
const PULLED_WITHIN: Duration = Duration::from_secs(300);

/// What `lab images` calls its own of an official image: management is always in it.
fn ours(official: &str) -> String {
    format!("{OURS}/{}", official.trim_end_matches("-management"))
}

/// Which images to use.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Images {
    /// Image of Postgres, instead of postgres:17 or one made by `lab images`.
    #[arg(long, env = "LAB_POSTGRES_IMAGE", value_name = "IMAGE")]
    pub postgres_image: Option<String>,
    /// Image of RabbitMQ with its management API, instead of rabbitmq:4.0-management or one made by `lab images`.
    #[arg(long, env = "LAB_RABBITMQ_IMAGE", value_name = "IMAGE")]
    pub rabbitmq_image: Option<String>,
    /// Image of Toxiproxy 2.12, instead of one made by `lab images`; without any, the lab's embedded one is used.
    #[arg(long, env = "LAB_TOXIPROXY_IMAGE", value_name = "IMAGE")]
    pub toxiproxy_image: Option<String>,
}

/// An image that is here.
#[derive(Debug, Clone)]
pub struct Image {
    name: String,
    id: String,
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.id)
    }
}

impl Image {
    /// A container of it.
    pub fn request(&self) -> ContainerRequest<GenericImage> {
        let (name, tag) = split(&self.name);
        GenericImage::new(name, tag).into()
    }

    /// Removes it after another one has taken its name; a container of another lab may still need it.
    pub async fn forget(&self, daemon: &Daemon) {
        let removed = daemon
            .api()
            .remove_image(&self.id, None::<RemoveImageOptions>, None)
            .await;
        if let Err(error) = removed {
            tracing::debug!(image = %self.id, %error, "an old image stays");
        }
    }
}

impl Images {
    pub(super) async fn postgres(&self, daemon: &Daemon, say: &dyn Fn(&str)) -> Result<Image> {
        let named = self.postgres_image.as_deref();
        find(daemon, named, POSTGRES, &ours(POSTGRES), say).await
    }

    pub(super) async fn rabbitmq(&self, daemon: &Daemon, say: &dyn Fn(&str)) -> Result<Image> {
        let named = self.rabbitmq_image.as_deref();
        find(daemon, named, RABBITMQ, &ours(RABBITMQ), say).await
    }

    /// None: the embedded one serves as well, and is nowhere to be pulled from.
    pub(super) async fn toxiproxy(
        &self,
        daemon: &Daemon,
        say: &dyn Fn(&str),
    ) -> Result<Option<Image>> {
        match &self.toxiproxy_image {
            Some(named) => {
                let image = find(daemon, Some(named), named, named, say).await?;
                Ok(Some(image))
            }
            None => here(daemon, TOXIPROXY).await,
        }
    }

    /// Where each would come from, for a look around.
    pub async fn look_up(&self, daemon: &Daemon) -> Vec<(&'static str, Result<Place>)> {
        let wanted = [
            ("Postgres", self.postgres_image.as_deref(), POSTGRES),
            ("RabbitMQ", self.rabbitmq_image.as_deref(), RABBITMQ),
        ];
        let mut places = Vec::new();
        for (subject, named, official) in wanted {
            places.push((
                subject,
                place(daemon, named, official, &ours(official)).await,
            ));
        }
        match self.toxiproxy_image.as_deref() {
            Some(named) => {
                let place = place(daemon, Some(named), named, named).await;
                places.push(("Toxiproxy", place));
            }
            None => {
                // The embedded one serves as well.
                if let Ok(Some(image)) = here(daemon, TOXIPROXY).await {
                    places.push(("Toxiproxy", Ok(Place::Here(image))));
                }
            }
        }
        places
    }
}

/// Where an image is.
#[derive(Debug, Clone)]
pub enum Place {
    /// On the daemon.
    Here(Image),
    /// In its registry, by its name.
    Registry(String),
}

/// The image that was named; else the official one if it is here; else ours if it is here; else the official one, where its
/// registry has it.
async fn place(daemon: &Daemon, named: Option<&str>, official: &str, ours: &str) -> Result<Place> {
    let candidates = match named {
        Some(named) => vec![named],
        None => vec![official, ours],
    };
    for candidate in &candidates {
        if let Some(image) = here(daemon, candidate).await? {
            return Ok(Place::Here(image));
        }
    }
    let name = candidates[0];
    let asked = daemon.api().inspect_registry_image(name, None);
    timeout(REGISTRY_WITHIN, asked)
        .await
        .with_context(|| format!("its registry does not answer within {REGISTRY_WITHIN:?}"))
        .and_then(|found| Ok(found?))
        .with_context(|| nowhere(name))?;
    Ok(Place::Registry(name.to_owned()))
}

/// The same, pulled where it is not here.
async fn find(
    daemon: &Daemon,
    named: Option<&str>,
    official: &str,
    ours: &str,
    say: &dyn Fn(&str),
) -> Result<Image> {
    let name = match place(daemon, named, official, ours).await? {
        Place::Here(image) => return Ok(image),
        Place::Registry(name) => name,
    };
    say(&format!("pulling the image {name}"));
    let pulled = timeout(PULLED_WITHIN, pull(daemon, &name)).await;
    pulled
        .unwrap_or_else(|_| bail_late(&name))
        .with_context(|| nowhere(&name))?;
    here(daemon, &name)
        .await?
        .with_context(|| format!("the image {name} was pulled and is not here"))
}

fn nowhere(name: &str) -> String {
    format!(
        "the image {name} is not here and cannot be pulled (`lab images` makes images without a registry)"
    )
}

fn bail_late(name: &str) -> Result<()> {
    bail!("{name} did not arrive within {PULLED_WITHIN:?}")
}

pub(super) async fn here(daemon: &Daemon, name: &str) -> Result<Option<Image>> {
    match daemon.api().inspect_image(name).await {
        Ok(about) => {
            let digest = about.repo_digests.unwrap_or_default().into_iter().next();
            Ok(Some(Image {
                name: name.to_owned(),
                id: digest.or(about.id).unwrap_or_default(),
            }))
        }
        Err(Error::DockerResponseServerError {
            status_code: 404, ..
        }) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("looking for the image {name}")),
    }
}

/// The value of a label of an image, if both are there.
pub(super) async fn label(daemon: &Daemon, name: &str, label: &str) -> Result<Option<String>> {
    let Some(image) = here(daemon, name).await? else {
        return Ok(None);
    };
    let about = daemon.api().inspect_image(&image.name).await?;
    let labels = about.config.and_then(|config| config.labels);
    Ok(labels.and_then(|mut labels| labels.remove(label)))
}

async fn pull(daemon: &Daemon, name: &str) -> Result<()> {
    let (image, tag) = split(name);
    let options = CreateImageOptions {
        from_image: Some(image.to_owned()),
        tag: Some(tag.to_owned()),
        ..CreateImageOptions::default()
    };
    let mut steps = daemon.api().create_image(Some(options), None, None);
    let shown = bar(0, "{bar:30} {bytes}/{total_bytes} pulled, {elapsed}");
    // Bytes here and bytes in all of each layer that is on its way.
    let mut layers: HashMap<String, (i64, i64)> = HashMap::new();
    while let Some(step) = steps.try_next().await? {
        let (Some(layer), Some(detail)) = (step.id, step.progress_detail) else {
            continue;
        };
        let (Some(current), Some(total)) = (detail.current, detail.total) else {
            continue;
        };
        layers.insert(layer, (current, total));
        let sum = |of: fn(&(i64, i64)) -> i64| layers.values().map(of).sum::<i64>().cast_unsigned();
        shown.set_length(sum(|layer| layer.1));
        shown.set_position(sum(|layer| layer.0));
    }
    shown.finish_and_clear();
    Ok(())
}

/// Name and tag; a digest counts as a tag, so that both together name the image again.
pub(super) fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((image, tag)) if !tag.contains('/') => (image, tag),
        _ => (name, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_a_tag_a_digest_or_neither() {
        assert_eq!(split("postgres:17"), ("postgres", "17"));
        assert_eq!(split("postgres"), ("postgres", "latest"));
        assert_eq!(
            split("host.example:5000/postgres"),
            ("host.example:5000/postgres", "latest")
        );
        assert_eq!(split("postgres@sha256:abc"), ("postgres@sha256", "abc"));
    }
}
