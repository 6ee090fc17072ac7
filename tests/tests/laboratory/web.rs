//! The part of the port that speaks to browsers, looked at by programs that others wrote for the purpose.

use anyhow::{Context, Result, ensure};
use lanyard_api::{JobState, NewPass};
use lanyard_tests::{Host, Lab, Node, documents, python, runner::remark, scenarios, soon};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

scenarios![
    sslyze_finds_nothing_but_a_certificate_that_nobody_vouches_for,
    slow_headers_of_two_hundred_browsers_hold_no_neighbour_up,
    slow_bodies_of_two_hundred_browsers_hold_no_neighbour_up,
    two_hundred_browsers_that_read_slowly_hold_no_neighbour_up,
];

/// What is fetched from PyPI for these tests, at the versions they were written with.
const SSLYZE: &str = "sslyze==6.3.1";

/// Everything that sslyze looks at in one port.
const SCANS: [&str; 14] = [
    "--certinfo",
    "--sslv2",
    "--sslv3",
    "--tlsv1",
    "--tlsv1_1",
    "--tlsv1_2",
    "--tlsv1_3",
    "--compression",
    "--early_data",
    "--heartbleed",
    "--openssl_ccs",
    "--robot",
    "--reneg",
    "--resum",
];

fn sslyze_finds_nothing_but_a_certificate_that_nobody_vouches_for() -> Result<()> {
    let python = python()?;
    let lab = Lab::new()?;
    let ada = with_a_pass(&lab)?;
    let ben = lab.host("ben")?;
    let target = format!("{}:{}", ada.host().ipv4()?, ada.status()?.port);
    let report = ben.dir().join("sslyze.json");
    let seen = ben.seen_from_here(&report);
    let (python, report) = (python.to_string_lossy().into_owned(), report.to_string_lossy().into_owned());
    // It ends with another status than 0 because of the certificate; what it found stands in the report.
    let mut command =
        vec![python.as_str(), "-m", "sslyze", "--json_out", &report, "--mozilla_config=disable"];
    command.extend(SCANS);
    command.push(&target);
    let output = ben.output(&command)?;
    let found = fs::read(&seen).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let found: Value = serde_json::from_slice(&found)?;
    let scan = &found["server_scan_results"][0]["scan_result"];
    let result = |what: &str| -> Result<&Value> {
        ensure!(scan[what]["status"] == "COMPLETED", "{what} was not looked at: {}", scan[what]);
        Ok(&scan[what]["result"])
    };
    for (version, accepted) in [
        ("ssl_2_0", false),
        ("ssl_3_0", false),
        ("tls_1_0", false),
        ("tls_1_1", false),
        ("tls_1_2", true),
        ("tls_1_3", true),
    ] {
        let suites = result(&format!("{version}_cipher_suites"))?["accepted_cipher_suites"].as_array();
        let suites: Vec<&str> = suites
            .context("no list of suites")?
            .iter()
            .filter_map(|suite| suite["cipher_suite"]["name"].as_str())
            .collect();
        ensure!(suites.is_empty() != accepted, "{version}: {suites:?}");
        let good = |suite: &&str| suite.contains("GCM") || suite.contains("POLY1305");
        ensure!(suites.iter().all(good), "{version} with something old: {suites:?}");
    }
    ensure!(result("tls_compression")?["supports_compression"] == false);
    ensure!(result("tls_1_3_early_data")?["supports_early_data"] == false);
    ensure!(result("heartbleed")?["is_vulnerable_to_heartbleed"] == false);
    ensure!(result("openssl_ccs_injection")?["is_vulnerable_to_ccs_injection"] == false);
    let robot = result("robot")?["robot_result"].as_str().unwrap_or_default();
    ensure!(robot.starts_with("NOT_VULNERABLE"), "ROBOT: {robot}");
    let renegotiation = result("session_renegotiation")?;
    ensure!(renegotiation["is_vulnerable_to_client_renegotiation_dos"] == false, "{renegotiation}");
    let resumption = result("session_resumption")?;
    for how in ["session_id_resumption_result", "tls_ticket_resumption_result"] {
        ensure!(resumption[how] == "NOT_SUPPORTED", "{how}: {resumption}");
    }
    let deployment = &result("certificate_info")?["certificate_deployments"][0];
    let certificate = &deployment["received_certificate_chain"][0];
    let names = certificate["subject_alternative_name"]["dns_names"].to_string();
    ensure!(names.starts_with("[\"lanyard-") && names.ends_with(".local\"]"), "the names in it: {names}");
    ensure!(certificate["signature_hash_algorithm"]["name"] == "sha256");
    ensure!(deployment["verified_certificate_chain"].is_null(), "nobody should vouch for it");
    Ok(())
}

fn slow_headers_of_two_hundred_browsers_hold_no_neighbour_up() -> Result<()> {
    slow(&["-H", "-i", "2", "-x", "24", "-t", "GET"])
}

fn slow_bodies_of_two_hundred_browsers_hold_no_neighbour_up() -> Result<()> {
    slow(&["-B", "-i", "2", "-s", "8192", "-x", "10", "-t", "POST"])
}

fn two_hundred_browsers_that_read_slowly_hold_no_neighbour_up() -> Result<()> {
    slow(&["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "3"])
}

/// `slowhttptest` does its worst for twenty seconds; a neighbour prints meanwhile, and guests come in afterwards.
fn slow(manners: &[&str]) -> Result<()> {
    let lab = Lab::new()?;
    let ada = with_a_pass(&lab)?;
    let host = lab.host("ben")?;
    let ben = Node::at_home(&host)?;
    ben.finds_printer("Laser")?;
    let mallory = lab.host("mallory")?;
    let page = format!("https://{}:{}/g", ada.host().ipv4()?, ada.status()?.port);
    ensure!(answers(&mallory, &page)?, "the page is there before");
    let notes = mallory.dir().join("notes");
    let to = notes.to_string_lossy().into_owned();
    let mut command =
        vec!["slowhttptest", "-c", "200", "-r", "100", "-l", "20", "-p", "3", "-g", "-o", &to, "-u", &page];
    command.extend(manners);
    let mut attack = mallory.spawn(&command).context("slowhttptest (a package of the system) is needed")?;
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    let letter = host.dir().join("letter.pdf");
    fs::write(host.seen_from_here(&letter), documents::pdf(&["Dear aunt"]))?;
    let job: lanyard_api::Job =
        ben.json(&["print", &letter.to_string_lossy(), "--on", "Laser"]).context("print")?;
    ben.job_becomes(&job.id, JobState::Done, Duration::from_secs(10)).context("during the attack")?;
    remark(format!("the neighbour had printed after {:.1} s", begun.elapsed().as_secs_f64()));
    attack.wait(Duration::from_secs(60))?;
    let (tried, most) = counts(&fs::read_to_string(mallory.seen_from_here(&notes.with_extension("csv")))?)?;
    remark(format!("{tried} of 200 connections tried, at most {most} held at a time"));
    ensure!(tried >= 100, "that was no attack: {}", attack.written());
    ensure!(most <= 32, "{most} connections of one address were let in");
    soon("guests come in again", Duration::from_secs(15), || {
        ensure!(answers(&mallory, &page)?, "no answer");
        Ok(())
    })
}

/// The most that `slowhttptest` had begun, and the most that were connected at a time. Its table has the columns
/// second, closed, pending, connected, available.
fn counts(table: &str) -> Result<(u32, u32)> {
    let rows = table.lines().skip(1).filter_map(|line| {
        let row: Vec<u32> =
            line.split(',').take(4).map(|cell| cell.trim().parse().ok()).collect::<Option<_>>()?;
        Some((row.get(1)? + row.get(2)? + row.get(3)?, *row.get(3)?))
    });
    let rows: Vec<(u32, u32)> = rows.collect();
    let tried = rows.iter().map(|row| row.0).max().with_context(|| format!("no row in: {table}"))?;
    Ok((tried, rows.iter().map(|row| row.1).max().unwrap_or(0)))
}

/// A node with a printer and a pass for it.
fn with_a_pass(lab: &Lab) -> Result<Node> {
    let ada = Node::at_home(&lab.host("ada")?)?;
    ada.run(&["share", "printer", "save-as-pdf", "--name", "Laser", "--to", "network"])?;
    let pass: NewPass = ada.json(&["guest", "Laser"])?;
    ensure!(pass.link.contains(&ada.host().ipv4()?.to_string()), "{}", pass.link);
    Ok(ada)
}

fn answers(host: &Host, page: &str) -> Result<bool> {
    let output = host.output(&["curl", "-sk", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", page])?;
    Ok(output.stdout == b"200")
}

/// A Python with sslyze: the one that `LANYARD_SSLYZE` names, or one that is made beside the test binary.
fn python() -> Result<PathBuf> {
    if let Some(path) = env::var_os("LANYARD_SSLYZE") {
        return Ok(path.into());
    }
    // sslyze itself comes as source, which is nothing but Python.
    python::with(SSLYZE, Some("sslyze"), Path::new(env!("CARGO_TARGET_TMPDIR")))
}
