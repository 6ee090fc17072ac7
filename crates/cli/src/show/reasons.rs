//! Words for the keywords behind the state of a printer or a job.

/// What a person reads for a reason: IPP's (RFC 8011 §5.3.8 and §5.4.12, without severity) and ours; any other as it is.
pub(super) fn words(reason: &str) -> &str {
    match reason {
        "media-empty" | "media-needed" => "out of paper",
        "media-low" => "little paper left",
        "media-jam" => "paper jam",
        "cover-open" | "door-open" | "interlock-open" => "a cover is open",
        "toner-empty" | "marker-supply-empty" => "out of toner or ink",
        "toner-low" | "marker-supply-low" => "toner or ink low",
        "marker-waste-full" => "the waste container is full",
        "marker-waste-almost-full" => "the waste container is nearly full",
        "output-area-full" => "the output tray is full",
        "input-tray-missing" | "output-tray-missing" => "a tray is missing",
        "offline" | "shutdown" | "timed-out" | "connecting-to-device" => "the printer does not answer",
        "paused" | "moving-to-paused" => "the printer was stopped",
        "stopped" | "stopped-partly" => "the printer needs somebody",
        "spool-area-full" | "disk_full" => "no room on the disk",
        "not-accepting-jobs" => "the printer takes no jobs",
        "print_service_away" => "the print service does not answer",
        "peer_unreachable" => "waiting for the printer's device",
        "must_ask" => "waiting for the owner's word",
        "quiet_hours" => "waiting for the quiet hours to end",
        "owner" => "by the printer's owner",
        "job-hold-until-specified" => "until it is let go",
        "another_way" => "by this device, as the first does not answer",
        "moving" => "on its way to another printer",
        "maybe_printed" => "may be on paper",
        reason => reason,
    }
}
