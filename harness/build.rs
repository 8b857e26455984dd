//! Compiles the event contract into descriptors, which the judge reads it by: from `proto/` alone, with no type and no
//! line of the service's (no `protoc` needed).

use std::{env, fs, path::PathBuf};

use protox::Compiler;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../proto");

    let mut contract = Compiler::new(["../proto"])?;
    contract
        .include_imports(true)
        .open_file("auction/v1/events.proto")?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("contract.bin");
    fs::write(out, contract.encode_file_descriptor_set())?;
    Ok(())
}
