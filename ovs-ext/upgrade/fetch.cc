// Phase fetch: gets the new software and verifies it; nothing of the switch is touched.
#include "base/private_directory.h"
#include "upgrade/phases.h"

namespace hitless::upgrade {

software::Sources sources_of(const Places& places, const instance::OperatorSwitch& a, const journal::Config& settings) {
    software::Sources sources;
    sources.installed = a.executable();
    sources.releases = places.releases();
    sources.keyrings = places.keyrings;
    sources.control_socket = a.unixctl_path();
    sources.unverified = places.allow_unverified;
    sources.limits.bytes = uint64_t{settings.download_megabytes} << 20;
    sources.limits.time = settings.download_time;
    return sources;
}

Status run_fetch(Step& step) {
    const auto staging = step.places.staging();
    TRY(make_private_directory(step.places.own()));
    TRY(make_empty_private_directory(staging));
    auto& pair = step.pair;
    auto sources = sources_of(step.places, pair.a, pair.settings);
    sources.observer.stop = [&step] { return step.stop.check(); };
    sources.observer.progress = [&step](uint64_t done, uint64_t total) {
        step.update([&](Summary& summary) { summary.progress = Progress{"download", "bytes", done, total}; });
    };
    const auto wanted = step.request.wanted_software();
    pair.release = TRY(software::fetch(wanted, sources, staging));
    if (software::is_url(wanted.from) && !wanted.sha256 && !wanted.signature && sources.unverified) {
        step.warn(wanted.from + ": neither digest nor signature was checked (option --allow-unverified of ovs-hitlessd)");
    }
    TRY(step.journal.set_versions(pair.a_version, pair.release->version, pair.release->sha256));
    step.update([&](Summary& summary) {
        summary.to_version = pair.release->version;
        summary.sha256 = pair.release->sha256;
    });
    return {};
}

}  // namespace hitless::upgrade
