//! Starts that go wrong, and what the node says about them.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{Lab, Node, Setup, documents, node, runner::remark, scenarios, soon};
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

scenarios![
    a_second_node_for_the_same_data_is_refused,
    a_damaged_database_is_set_aside_and_the_identity_kept,
    a_taken_port_is_replaced_by_another_one,
    an_impossible_data_directory_is_refused,
    the_key_is_for_nobody_else_to_read,
    a_command_that_there_is_not_is_wrong_usage,
    a_command_without_a_node_says_so,
];

fn a_second_node_for_the_same_data_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let first = Node::start(&host)?;
    let data = first.data().to_string_lossy().into_owned();
    let output = host.output(&[&node::binary()?, "run", "--data", &data])?;
    let reason = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}: {reason}", output.status);
    ensure!(reason.to_lowercase().contains("already"), "{reason}");
    first.status().map(drop)
}

fn a_damaged_database_is_set_aside_and_the_identity_kept() -> Result<()> {
    let lab = Lab::new()?;
    let mut ada = Node::start(&lab.host("ada")?)?;
    let id = ada.ready().id.clone();
    ada.stop()?;
    let damaged = documents::noise(100_000, 31);
    fs::write(ada.data().join("lanyard.db"), &damaged)?;
    ada.start_again()?;
    ensure!(ada.ready().id == id, "another identity");
    let notices = ada.status()?.notices;
    remark(format!("{notices:?}"));
    ensure!(!notices.is_empty(), "nobody is told");
    let kept = fs::read_dir(ada.data())?
        .filter_map(Result::ok)
        .any(|entry| fs::read(entry.path()).is_ok_and(|content| content == damaged));
    ensure!(kept, "the damaged database was not kept");
    ada.trust_network()
}

fn a_taken_port_is_replaced_by_another_one() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let taken = host.spawn_inside(&["hold-port", "7717"])?;
    soon("the port is taken", Duration::from_secs(5), || {
        ensure!(taken.written().contains("listening"), "{}", taken.errors());
        Ok(())
    })?;
    let setup = Setup { arguments: vec!["--port".into(), "7717".into()], ..Setup::default() };
    let ada = Node::at_home_with(&host, setup)?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    ben.finds_device("ada", Duration::from_secs(5))?;
    let status = ada.status()?;
    ensure!(status.port != 7717 && status.port != 0, "port {}", status.port);
    ensure!(status.notices.iter().any(|notice| notice.contains("7717")), "{:?}", status.notices);
    Ok(())
}

fn an_impossible_data_directory_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let file = host.dir().join("file");
    fs::write(&file, "not a directory")?;
    let output = host.output(&[&node::binary()?, "run", "--data", &file.join("data").to_string_lossy()])?;
    let reason = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}: {reason}", output.status);
    ensure!(reason.contains("data") && !reason.contains("panicked"), "{reason}");
    Ok(())
}

fn the_key_is_for_nobody_else_to_read() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::start(&lab.host("ada")?)?;
    let directory = fs::metadata(ada.data())?.permissions().mode() & 0o777;
    ensure!(directory & 0o077 == 0, "the data directory has mode {directory:o}");
    for entry in fs::read_dir(ada.data())? {
        let entry = entry?;
        let mode = entry.metadata()?.permissions().mode() & 0o777;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains("key")
            || name.contains("identity")
            || name.ends_with(".sock")
            || name.ends_with(".db")
        {
            ensure!(mode & 0o077 == 0, "{name} has mode {mode:o}");
        }
    }
    Ok(())
}

fn a_command_that_there_is_not_is_wrong_usage() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::start(&lab.host("ada")?)?;
    let output = ada.output(&["no-such-command"])?;
    ensure!(output.status.code() == Some(2), "wrong usage: {}", output.status);
    Ok(())
}

fn a_command_without_a_node_says_so() -> Result<()> {
    let lab = Lab::new()?;
    let mut ada = Node::start(&lab.host("ada")?)?;
    ada.stop()?;
    let reason = ada.refuses(&["nearby"]).context("after a proper stop")?;
    ensure!(reason.contains("lanyard run") || reason.contains("not running"), "{reason}");
    ada.start_again()?;
    ada.kill()?;
    // A killed node leaves its socket behind.
    ada.refuses(&["nearby"]).context("after a kill").map(drop)
}
