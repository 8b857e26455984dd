//! Compiles the event contract (no `protoc` needed) and its canonical JSON, and watches the migrations, which
//! `sqlx::migrate!` embeds without telling cargo.

use prost_build::Config;
use protox::Compiler;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=migrations");

    let mut contract = Compiler::new(["proto"])?;
    contract
        .include_imports(true)
        .open_file("auction/v1/events.proto")?;
    Config::new()
        .compile_well_known_types()
        .extern_path(".google.protobuf", "::pbjson_types")
        .compile_fds(contract.file_descriptor_set())?;
    pbjson_build::Builder::new()
        .register_descriptors(&contract.encode_file_descriptor_set())?
        .build(&[".auction.v1"])?;
    Ok(())
}
