// What can be asked, and done, about kept releases while the conductor may be at work: hitless/release-list, -add and -remove.
#include "upgrade/kept_releases.h"

#include "base/private_directory.h"
#include "upgrade/switch_site.h"

namespace hitless::upgrade {

namespace fs = std::filesystem;

Status note_releases(const software::Store& store, journal::Journal& journal) {
    std::vector<journal::ReleaseRecord> records;
    const auto kept = TRY(store.list());
    for (const auto& [release, since] : kept) {
        records.push_back({release.version, release.package_version, release.source, release.sha256, release.vswitchd.string(), since});
    }
    return journal.set_releases(records);
}

// What the operation under way goes back to when the new software does not start.
std::set<std::string> SwitchSite::releases_in_use() {
    std::lock_guard lock(mutex_);
    auto binary = pair_ ? pair_->record().old_binary : fs::path();
    return binary.empty() ? std::set<std::string>() : std::set<std::string>{binary.parent_path().filename()};
}

std::string SwitchSite::running_sha256() {
    std::shared_ptr<const Process> process;
    {
        std::lock_guard lock(mutex_);
        if (pair_) {
            auto view = pair_->view();
            process = view.active == Side::A ? view.a : view.b;
        } else if (orphan_ && !orphan_->b) {
            return "";
        } else if (orphan_) {
            process = orphan_->b;
        }
    }
    std::optional<pid_t> pid = process ? std::optional(process->pid()) : std::nullopt;
    if (!pid) {
        if (auto a = find_a()) {
            pid = a->process().pid();
        }
    }
    auto sha256 = pid ? software::sha256_of(fmt::format("/proc/{}/exe", *pid)) : make_error("no switch runs");
    return sha256 ? *sha256 : "";
}

Result<software::Release> SwitchSite::fetch_beside(const Request& request, const fs::path& directory) {
    auto a = TRY(find_a());
    auto config = TRY(TRY(journal())->config());   // first: with it there is the state directory
    TRY(make_empty_private_directory(directory));
    auto sources = sources_of(places_, a, config);
    sources.observer.stop = [this] { return given_up_ ? make_error("ovs-hitlessd is exiting") : Status(); };
    return software::fetch(request.wanted_software(), sources, directory);
}

Result<ReleaseReport> SwitchSite::releases() {
    return ReleaseReport{TRY(software::Store(places_.releases()).list()), {}, running_sha256()};
}

Result<ReleaseReport> SwitchSite::add_release(const Request& request) {
    auto* journal = TRY(this->journal());
    size_t most = TRY(journal->config()).releases_max;
    software::Store store(places_.releases());
    auto directory = places_.adding();
    auto release = fetch_beside(request, directory);
    auto kept = release ? store.keep(*release, release->vswitchd) : release.error();
    std::error_code error;
    fs::remove_all(directory, error);
    if (!kept) {
        return kept.error();
    }
    auto except = releases_in_use();
    except.insert(kept->release.sha256);
    ReleaseReport report{{*kept}, TRY(store.prune(most, except)), running_sha256()};
    TRY(note_releases(store, *journal));
    return report;
}

Result<ReleaseReport> SwitchSite::remove_release(const std::string& name) {
    auto* journal = TRY(this->journal());
    software::Store store(places_.releases());
    auto kept = TRY(store.find(name));
    if (releases_in_use().contains(kept.release.sha256)) {
        return make_error("release {}: the operation under way may have to go back to it: wait for its end (hitless/status)", name);
    }
    TRY(store.remove(kept.release.sha256));
    TRY(note_releases(store, *journal));
    return ReleaseReport{{}, {kept}, running_sha256()};
}

}  // namespace hitless::upgrade
