//! Values that are in no message: they hold passwords.

use std::ffi::OsStr;

use clap::{Arg, Command, builder::TypedValueParser, error::ErrorKind};

use crate::address::Unreadable;

/// Reads a value, and says why it cannot without saying the value.
#[derive(Clone)]
pub(super) struct Untold<T>(pub fn(&str) -> Result<T, Unreadable>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Untold<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let read = match value.to_str() {
            Some(text) => (self.0)(text),
            None => Err(Unreadable("is no text".to_owned())),
        };
        read.map_err(|why| {
            let flag = arg.and_then(Arg::get_long).unwrap_or_default();
            let variable = arg.and_then(Arg::get_env).unwrap_or_default();
            let said = format!("--{flag} ({}): {why}", variable.display());
            command.clone().error(ErrorKind::ValueValidation, said)
        })
    }
}
