//! Chromium and its driver: those of the machine, or those of the distribution, unpacked in the lab's cache.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use outbox_harness::{
    os::path::program,
    servers::native::{
        apt,
        cache::{Cache, InUse},
        libraries,
    },
};

/// What the browser itself is called, here or there.
const BROWSERS: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
];
const DRIVER: &str = "chromedriver";
/// Text without a font has no width, and everything would fit.
const PACKAGES: [&str; 3] = ["chromium", "chromium-driver", "fonts-dejavu-core"];
/// Its place in the cache.
const UNPACKED: &str = "browser";

/// Where they are, and what they are to be told.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    pub browser: PathBuf,
    pub driver: PathBuf,
    pub environment: Vec<(OsString, OsString)>,
    _in_use: Option<Arc<InUse>>,
}

impl Programs {
    /// For who only wants to know what there is to do.
    pub fn nowhere() -> Self {
        Self::default()
    }

    /// Finds them, or fetches them.
    pub fn provide(say: &dyn Fn(&str)) -> Result<Self> {
        let browser = BROWSERS.iter().find_map(|name| program(name));
        if let (Some(browser), Some(driver)) = (browser, program(DRIVER)) {
            return Ok(Self {
                browser,
                driver,
                ..Self::default()
            });
        }
        let needed = "pages are looked at by Chromium and chromedriver, which are not both here";
        if program("apt-get").is_none() {
            bail!(
                "{needed}; install them (Fedora: dnf install chromium chromedriver, macOS: brew install chromium chromedriver)"
            );
        }
        let cache = Cache::open()?;
        if Self::in_cache(&cache).is_none() {
            let workshop = cache.workshop(UNPACKED)?;
            apt::fetch(&PACKAGES, &workshop, say).context(needed)?;
            let _ = fs::remove_dir_all(cache.entry(UNPACKED));
            cache.put(&workshop, UNPACKED)?;
        }
        let Some(found) = Self::in_cache(&cache) else {
            bail!("{needed}; as root: apt-get install {}", PACKAGES.join(" "));
        };
        Ok(Self {
            _in_use: Some(Arc::new(cache.keep()?)),
            ..found
        })
    }

    fn in_cache(cache: &Cache) -> Option<Self> {
        let root = cache.entry(UNPACKED).join("root");
        let browser = root.join("usr/lib/chromium/chromium");
        let driver = root.join("usr/bin/chromedriver");
        if !browser.is_file() || !driver.is_file() {
            return None;
        }
        let folders = libraries::folders(&root);
        // One of its libraries has a folder of its own, which the system's are told of by a setting.
        let own = folders.iter().map(|folder| folder.join("pulseaudio"));
        let all: Vec<PathBuf> = folders.iter().cloned().chain(own).collect();
        let path = std::env::join_paths(all).ok();
        let libraries = path.map(|path| ("LD_LIBRARY_PATH".into(), path));
        let fonts = fonts(&root)
            .ok()
            .map(|file| ("FONTCONFIG_FILE".into(), file.into()));
        Some(Self {
            browser,
            driver,
            environment: libraries.into_iter().chain(fonts).collect(),
            _in_use: None,
        })
    }
}

/// Tells where the fonts are that came with it.
fn fonts(root: &Path) -> std::io::Result<PathBuf> {
    let file = root.join("fonts.conf");
    let (fonts, cache) = (
        root.join("usr/share/fonts"),
        root.join("var/cache/fontconfig"),
    );
    let told = format!(
        "<?xml version=\"1.0\"?><fontconfig><dir>{}</dir><cachedir>{}</cachedir></fontconfig>",
        fonts.display(),
        cache.display()
    );
    fs::write(&file, told)?;
    Ok(file)
}
