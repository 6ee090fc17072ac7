//! Operations and statuses by their names (RFC 8011 §5.4.15, appendix B; PWG 5100.x; CUPS).

macro_rules! codes {
    ($(#[$doc:meta])* $kind:ident, $($name:ident = $code:literal, $keyword:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $kind {
            $(
                #[doc = concat!("`", $keyword, "`, ", stringify!($code), ".")]
                $name,
            )*
        }

        impl $kind {
            /// All that have a name here.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }

            /// From the number on the wire.
            #[must_use]
            pub fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// The name that the standards give it.
            #[must_use]
            pub fn keyword(self) -> &'static str {
                match self { $(Self::$name => $keyword,)* }
            }
        }
    };
}

codes! {
    /// What a client asks for.
    Operation,
    PrintJob = 0x0002, "Print-Job";
    ValidateJob = 0x0004, "Validate-Job";
    CreateJob = 0x0005, "Create-Job";
    SendDocument = 0x0006, "Send-Document";
    CancelJob = 0x0008, "Cancel-Job";
    GetJobAttributes = 0x0009, "Get-Job-Attributes";
    GetJobs = 0x000a, "Get-Jobs";
    GetPrinterAttributes = 0x000b, "Get-Printer-Attributes";
    HoldJob = 0x000c, "Hold-Job";
    ReleaseJob = 0x000d, "Release-Job";
    RestartJob = 0x000e, "Restart-Job";
    PausePrinter = 0x0010, "Pause-Printer";
    ResumePrinter = 0x0011, "Resume-Printer";
    SetJobAttributes = 0x0014, "Set-Job-Attributes";
    CreatePrinterSubscriptions = 0x0016, "Create-Printer-Subscriptions";
    CreateJobSubscriptions = 0x0017, "Create-Job-Subscriptions";
    RenewSubscription = 0x001a, "Renew-Subscription";
    CancelSubscription = 0x001b, "Cancel-Subscription";
    GetNotifications = 0x001c, "Get-Notifications";
    CancelJobs = 0x0038, "Cancel-Jobs";
    CancelMyJobs = 0x0039, "Cancel-My-Jobs";
    CloseJob = 0x003b, "Close-Job";
    IdentifyPrinter = 0x003c, "Identify-Printer";
    CupsGetDefault = 0x4001, "CUPS-Get-Default";
    CupsGetPrinters = 0x4002, "CUPS-Get-Printers";
    CupsAddModifyPrinter = 0x4003, "CUPS-Add-Modify-Printer";
    CupsDeletePrinter = 0x4004, "CUPS-Delete-Printer";
    CupsMoveJob = 0x400d, "CUPS-Move-Job";
}

codes! {
    /// What an answer says.
    Status,
    Ok = 0x0000, "successful-ok";
    OkIgnoredOrSubstituted = 0x0001, "successful-ok-ignored-or-substituted-attributes";
    OkConflicting = 0x0002, "successful-ok-conflicting-attributes";
    BadRequest = 0x0400, "client-error-bad-request";
    Forbidden = 0x0401, "client-error-forbidden";
    NotAuthenticated = 0x0402, "client-error-not-authenticated";
    NotAuthorized = 0x0403, "client-error-not-authorized";
    NotPossible = 0x0404, "client-error-not-possible";
    Timeout = 0x0405, "client-error-timeout";
    NotFound = 0x0406, "client-error-not-found";
    Gone = 0x0407, "client-error-gone";
    RequestEntityTooLarge = 0x0408, "client-error-request-entity-too-large";
    RequestValueTooLong = 0x0409, "client-error-request-value-too-long";
    DocumentFormatNotSupported = 0x040a, "client-error-document-format-not-supported";
    AttributesOrValuesNotSupported = 0x040b, "client-error-attributes-or-values-not-supported";
    UriSchemeNotSupported = 0x040c, "client-error-uri-scheme-not-supported";
    CharsetNotSupported = 0x040d, "client-error-charset-not-supported";
    ConflictingAttributes = 0x040e, "client-error-conflicting-attributes";
    CompressionNotSupported = 0x040f, "client-error-compression-not-supported";
    CompressionError = 0x0410, "client-error-compression-error";
    DocumentFormatError = 0x0411, "client-error-document-format-error";
    DocumentPasswordError = 0x0418, "client-error-document-password-error";
    AccountLimitReached = 0x041c, "client-error-account-limit-reached";
    InternalError = 0x0500, "server-error-internal-error";
    OperationNotSupported = 0x0501, "server-error-operation-not-supported";
    ServiceUnavailable = 0x0502, "server-error-service-unavailable";
    VersionNotSupported = 0x0503, "server-error-version-not-supported";
    DeviceError = 0x0504, "server-error-device-error";
    TemporaryError = 0x0505, "server-error-temporary-error";
    NotAcceptingJobs = 0x0506, "server-error-not-accepting-jobs";
    Busy = 0x0507, "server-error-busy";
    JobCanceled = 0x0508, "server-error-job-canceled";
    MultipleDocumentJobsNotSupported = 0x0509, "server-error-multiple-document-jobs-not-supported";
}

/// True for every status below `0x0100`, whether it has a name here or not.
#[must_use]
pub fn is_success(code: u16) -> bool {
    code < 0x0100
}
