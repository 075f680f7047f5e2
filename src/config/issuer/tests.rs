use super::*;
use crate::config::{Config, ConfigError};
use crate::oidc::{MachineMatcher, ScopeMode};

/// The issuers of a file with this text; no issuer is set by variables.
fn read(text: &str) -> Result<Vec<IssuerSettings>, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuers.toml");
    std::fs::write(&path, text).unwrap();
    let config = Config::from_vars([("OIDC_ISSUERS_FILE", path.to_str().unwrap())])?;
    Ok(config.oidc.unwrap().issuers)
}

/// The faults of a file, each as `line N, rest`.
fn faults(text: &str) -> Vec<String> {
    let error = read(text).unwrap_err();
    error.faults().iter().map(|fault| fault.variable().replace("OIDC_ISSUERS_FILE, ", "")).collect()
}

const MINIMAL: &str = "[[issuer]]\nissuer = 'https://id.example.com'\naudiences = ['api']\n";

/// The settings of an issuer block.
const SETTINGS: [&str; 23] = [
    "issuer",
    "name",
    "preset",
    "accepted_issuers",
    "tenants",
    "discovery_url",
    "jwks_url",
    "static_keys",
    "audiences",
    "allowed_clients",
    "algorithms",
    "accept_id_tokens",
    "require_at_jwt",
    "jit",
    "scope_mode",
    "scope_prefix",
    "first_party_clients",
    "roles_separator",
    "allow_admin_role",
    "administrative_roles",
    "claims",
    "role_rules",
    "required",
];

fn with(lines: &str) -> String {
    format!("{MINIMAL}{lines}")
}

fn one(text: &str) -> IssuerSettings {
    let [settings] = <[_; 1]>::try_from(read(text).unwrap()).unwrap();
    settings
}

#[test]
fn issuer_and_audience_are_the_only_required_settings() {
    let settings = one(MINIMAL);
    assert_eq!(settings.issuer, "https://id.example.com");
    assert_eq!(settings.short_name, "id.example.com");
    assert_eq!(settings.audiences, ["api"]);
    assert_eq!(settings.algorithms, Algorithm::DEFAULTS);
    assert_eq!((settings.jit, settings.scope_mode), (JitMode::Active, ScopeMode::Intersect));
}

#[test]
fn every_setting_of_a_block_is_applied() {
    let settings = one(r#"
        [[issuer]]
        issuer = "https://login.example.com/{tenantid}/v2.0"
        name = "example"
        preset = "entra"
        tenants = ["t1", "t2"]
        accepted_issuers = ["https://sts.example.com/{tenantid}/"]
        discovery_url = "https://inside.example.com/metadata"
        jwks_url = "https://inside.example.com/keys"
        audiences = ["api"]
        allowed_clients = ["spa"]
        algorithms = ["ES256"]
        accept_id_tokens = true
        require_at_jwt = true
        jit = "pending"
        scope_mode = "roles-only"
        scope_prefix = "api/"
        first_party_clients = ["spa"]
        allow_admin_role = true

        [issuer.claims]
        subject = "sub"
        client_id = ["azp", "cid"]
        scopes = "scp"
        machine_scopes = "permissions"
        roles = ["/a/roles", "b"]
        email = "upn"
        email_verified = "/x/verified"
        machine = { when = "claims.idtyp == 'app'" }

        [[issuer.role_rules]]
        role = "admin"
        when = "'ops' in claims.groups"

        [[issuer.required]]
        when = "claims.email_verified"
        message = "Verify your address."
    "#);
    assert_eq!(
        (settings.short_name.as_str(), settings.tenants.len(), settings.accepted_issuers.len()),
        ("example", 2, 1)
    );
    assert_eq!(settings.discovery_url.unwrap().path(), "/metadata");
    assert_eq!(settings.jwks_url.unwrap().path(), "/keys");
    assert_eq!(settings.allowed_clients, BTreeSet::from(["spa".to_owned()]));
    assert_eq!(settings.algorithms, [Algorithm::Es256]);
    assert!(settings.accepts_id_tokens && settings.requires_at_jwt);
    assert_eq!((settings.jit, settings.scope_mode), (JitMode::Pending, ScopeMode::RolesOnly));
    assert_eq!(settings.scope_prefix, "api/");
    assert_eq!(settings.first_party_clients, BTreeSet::from(["spa".to_owned()]));
    let mapping = settings.mapping;
    let place = |text: &str| text.parse::<crate::oidc::ClaimPath>().unwrap();
    assert_eq!(mapping.subject, place("sub"));
    assert_eq!(mapping.client_id, [place("azp"), place("cid")]);
    assert_eq!(mapping.scopes, [place("scp")]);
    assert_eq!(mapping.machine_scopes, Some(place("permissions")));
    assert_eq!(mapping.roles, [place("/a/roles"), place("b")]);
    assert_eq!((mapping.email, mapping.email_verified), (place("upn"), place("/x/verified")));
    assert!(matches!(mapping.machine_matcher, MachineMatcher::Rule(_)));
    assert!(mapping.administrative_roles.contains("admin"));
    assert_eq!(mapping.role_rules[0].role, "admin");
    assert_eq!(&*settings.requirements[0].message, "Verify your address.");
}

#[test]
fn documentation_lists_exactly_the_known_settings_and_presets() {
    let documentation = include_str!("../../../docs/identity-providers.md");
    let settings = documentation.split("## The settings of an issuer").nth(1).unwrap().split("\n## ").next().unwrap();
    let first_column = |line: &str| line.strip_prefix("| `")?.split('`').next().map(str::to_owned);
    for name in settings.lines().filter_map(first_column) {
        let name = name.trim_matches(['[', ']']).replace("issuer.", "");
        let reported = read(&with(&format!("{name} = 1979-05-27\n"))).unwrap_err().to_string();
        assert!(!reported.contains("unknown setting"), "{name} is documented but unknown");
    }
    for name in SETTINGS {
        assert!(settings.contains(&format!("`{name}`")) || settings.contains(&format!("issuer.{name}]")), "{name}");
    }
    for preset in Preset::ALL {
        assert!(documentation.contains(&format!("\n| `{}` |", preset.as_str())), "{}", preset.as_str());
    }
}

#[test]
fn all_faults_are_reported_at_once_with_their_lines() {
    let reported = faults(
        "[[issuer]]\nissuer = 'ftp://id'\naudiences = 7\nalgorithms = ['HS256']\npreset = 'other'\njit = 'maybe'\n\
         first_party_clients = ['a',\n 1]\nmisspelt = true\n[issuer.claims]\nrole = 'x'\n\
         [[issuer]]\nname = 'b'\nallow_admin_role = 'yes'\n[[issuer.role_rules]]\nrole = 'admin'\nwhen = 'oops('\n",
    );
    assert_eq!(
        reported.into_iter().collect::<BTreeSet<_>>(),
        [
            "line 2, `issuer`",
            "line 3, `audiences`",
            "line 4, `algorithms`",
            "line 5, `preset`",
            "line 6, `jit`",
            "line 8, `first_party_clients`",
            "line 9, `misspelt`",
            "line 11, `role`",
            "line 12, `issuer`",
            "line 12, `audiences`",
            "line 14, `allow_admin_role`",
            "line 16, `role`",
            "line 17, `when`",
        ]
        .map(str::to_owned)
        .into()
    );
}

#[test]
fn fault_in_one_rule_does_not_hide_faults_in_the_next() {
    let twice = |name: &str, lines: &str| with(&format!("[[issuer.{name}]]\n{lines}[[issuer.{name}]]\n{lines}"));
    let broken = "role = 'auditor'\nwhen = '('\n";
    assert_eq!(faults(&twice("role_rules", broken)), ["line 6, `when`", "line 9, `when`"]);
    let broken = "message = 'No.'\nwhen = '('\n";
    assert_eq!(faults(&twice("required", broken)), ["line 6, `when`", "line 9, `when`"]);
}

#[test]
fn invalid_toml_and_unknown_tables_are_reported_with_their_line() {
    assert_eq!(faults("[[issuer]]\nissuer = \n"), ["line 2"]);
    assert_eq!(faults(""), ["OIDC_ISSUERS_FILE"]);
    assert!(faults(&format!("{MINIMAL}\n[issuers]\n")).contains(&"line 5, `issuers`".to_owned()));
}

#[test]
fn faults_never_contain_values_of_the_file() {
    let reported =
        read("[[issuer]]\nissuer = 'marked-value'\nalgorithms = ['marked-value']\njit = 'marked-value'\n").unwrap_err();
    assert!(!reported.to_string().contains("marked-value"), "{reported}");
}

#[test]
fn jit_is_required_with_tenants_or_id_tokens() {
    let template = "[[issuer]]\nissuer = 'https://l.example/{tenantid}'\njwks_url = 'https://l.example/k'\naudiences = ['a']\ntenants = ['t']\n";
    assert_eq!(faults(template), ["line 1, `jit`"]);
    assert!(read(&format!("{template}jit = 'active'\n")).is_ok());
    assert_eq!(faults(&with("accept_id_tokens = true\n")), ["line 1, `jit`"]);
    assert_eq!(faults(&with("preset = 'dex'\n")), ["line 1, `jit`"]);
    assert!(read(&with("preset = 'dex'\njit = 'off'\n")).is_ok());
}

#[test]
fn issuer_template_requires_tenants_and_a_key_source() {
    assert_eq!(faults(&with("tenants = ['t']\njit = 'off'\n")), ["line 2, `issuer`"]);
    let template = |preset: &str| {
        format!(
            "[[issuer]]\nissuer = 'https://l.example/{{tenantid}}/v2.0'\naudiences = ['a']\ntenants = ['t']\njit = 'off'\npreset = '{preset}'\n"
        )
    };
    assert_eq!(faults(&template("generic")), ["line 1, `discovery_url`"]);
    let settings = one(&template("entra"));
    let url = settings.discovery_url.unwrap();
    assert_eq!(url.as_str(), "https://l.example/organizations/v2.0/.well-known/openid-configuration");
    assert_eq!(faults(&template("entra").replace("['t']", "['a/b']")), ["line 4, `tenants`"]);
}

#[test]
fn provider_without_audiences_requires_allowed_clients() {
    let cognito = "[[issuer]]\nissuer = 'https://c.example'\npreset = 'cognito'\n";
    assert_eq!(faults(cognito), ["line 1, `allowed_clients`"]);
    assert!(read(&format!("{cognito}allowed_clients = ['a']\n")).is_ok());
}

#[test]
fn duplicate_issuer_or_short_name_is_rejected() {
    let second = |lines: &str| format!("{MINIMAL}[[issuer]]\naudiences = ['api']\n{lines}");
    assert_eq!(faults(&second("issuer = 'https://id.example.com'\n")), ["line 6, `issuer`"]);
    assert_eq!(
        faults(&second("issuer = 'https://b.example'\naccepted_issuers = ['https://id.example.com']\n")).len(),
        1
    );
    assert_eq!(faults(&second("issuer = 'https://id.example.com/2'\n")), ["line 6, `issuer`"]);
    assert!(read(&second("issuer = 'https://id.example.com/2'\nname = 'second'\n")).is_ok());
}

#[test]
fn static_keys_without_a_usable_key_are_rejected() {
    assert_eq!(faults(&with("static_keys = '{\"keys\":[]}'\n")), ["line 4, `static_keys`"]);
}

#[test]
fn machine_matcher_is_a_claim_value_or_a_rule() {
    let machine = |value: &str| with(&format!("[issuer.claims]\nmachine = {value}\n"));
    assert!(matches!(
        one(&machine("{ claim = 'gty', equals = 'cc' }")).mapping.machine_matcher,
        MachineMatcher::Claim { .. }
    ));
    for wrong in ["{ claim = 'gty' }", "{ equals = 'cc' }", "{ claim = 'gty', equals = 'cc', when = 'true' }", "{ }"] {
        assert_eq!(faults(&machine(wrong)), ["line 5"], "{wrong}");
    }
    assert_eq!(faults(&machine("'gty'")), ["line 5, `machine`"]);
}

#[test]
fn admin_role_in_a_rule_is_rejected_unless_the_issuer_allows_it() {
    let rule = "[[issuer.role_rules]]\nrole = 'admin'\nwhen = \"'ops' in claims.groups\"\n";
    assert_eq!(faults(&with(rule)), ["line 5, `role`"]);
    assert!(read(&with(&format!("allow_admin_role = true\n{rule}"))).is_ok());
}
