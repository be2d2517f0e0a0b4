// Software from elsewhere: a real web server that cuts connections, is slow, or has something else than it should; signatures by real
// keys; an archive of apt's. What is fetched is a package around a shell script in the place of ovs-vswitchd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstdlib>
#include <thread>

#include "base/fd.h"
#include "software/release.h"
#include "software/signature.h"
#include "web_server.h"

namespace hitless::software {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::WebServer;
using testing::HasSubstr;

constexpr size_t kFileBytes = 600'000;

class Remote : public testing::Test {
  protected:
    void SetUp() override {
        if (!std::getenv("HITLESS_IN_NAMESPACES")) {
            GTEST_SKIP() << "run it by tests/in-namespaces: the server has fixed ports";
        }
        std::string name = (fs::path(testing::TempDir()) / "remote-XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        top_ = name;
        server_ = std::make_unique<WebServer>(top_ / "server");
        fs::create_directory(top_ / "staging");
        limits_.pause = 20ms;
        limits_.attempts = 3;
        limits_.stall = 2s;
        limits_.authorities = server_->path("authority.pem");
    }
    void TearDown() override {
        server_.reset();
        if (!top_.empty()) {
            fs::remove_all(top_);
        }
    }

    static std::string read(const fs::path& path) {
        std::ifstream file(path, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    }
    static void write(const fs::path& path, const std::string& text) {
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
    }
    static std::string run(const std::vector<std::string>& argv, std::map<std::string, std::string> environment = {}) {
        ProgramOptions options;
        options.environment = std::move(environment);
        auto output = run_checked(argv, options);
        EXPECT_TRUE(output.ok()) << output.error().message;
        return output.ok() ? *output : "";
    }

    // A file that does not repeat itself, so that a part in the wrong place shows.
    std::string serve_file(const std::string& name, char first = 'a') {
        std::string text(1, first);
        for (size_t i = 0; text.size() < kFileBytes; i++) {
            text += std::to_string(i) + " ";
        }
        write(server_->file(name), text);
        return text;
    }

    Status get(const std::string& url, Observer observer = {}) {
        fs::remove(top_ / "got");
        return download(url, top_ / "got", limits_, observer);
    }
    std::string got() const { return read(top_ / "got"); }
    std::string refusal(const std::string& url) {
        auto status = get(url);
        return status ? "no error" : status.error().message;
    }

    // Calls 'act' once, when a part of the file has come.
    Observer in_the_middle(std::function<void()> act) {
        return {[act = std::move(act), done = false](uint64_t done_bytes, uint64_t) mutable {
                    if (!done && done_bytes > 100'000) {
                        done = true;
                        act();
                    }
                },
                {}};
    }

    fs::path top_;
    std::unique_ptr<WebServer> server_;
    DownloadLimits limits_;
};

TEST_F(Remote, FileComesAsItIs) {
    auto text = serve_file("x");
    uint64_t done = 0, total = 0;
    ASSERT_TRUE(get(WebServer::http("/files/x"), {[&](uint64_t d, uint64_t t) { done = d, total = t; }, {}}).ok());
    EXPECT_EQ(got(), text);
    EXPECT_EQ(done, text.size());
    EXPECT_EQ(total, text.size());
    ASSERT_TRUE(get(WebServer::https("/files/x")).ok());
    EXPECT_EQ(got(), text);
}

TEST_F(Remote, CutConnectionGoesOnWhereItWas) {
    auto text = serve_file("x");
    ASSERT_TRUE(get(WebServer::http("/slow/x"), in_the_middle([&] { server_->stop(), server_->start(); })).ok());
    EXPECT_EQ(got(), text);
    EXPECT_EQ(server_->answers(), "206");   // the connection that was cut is not in its log
}

TEST_F(Remote, ServerWithoutRangesSendsAllAgain) {
    auto text = serve_file("x");
    ASSERT_TRUE(get(WebServer::http("/whole/x"), in_the_middle([&] { server_->stop(), server_->start(); })).ok());
    EXPECT_EQ(got(), text);
    EXPECT_EQ(server_->answers(), "200");   // the connection that was cut is not in its log
}

TEST_F(Remote, FileThatHasChangedMeanwhileIsTakenWhole) {
    serve_file("x");
    std::string other;
    ASSERT_TRUE(get(WebServer::http("/slow/x"), in_the_middle([&] {
                        server_->stop();
                        other = serve_file("x", 'b') + "more";
                        write(server_->file("x"), other);
                        server_->start();
                    })).ok());
    EXPECT_EQ(got(), other);
    EXPECT_EQ(server_->answers(), "200");
}

TEST_F(Remote, ServerThatStaysAwayIsGivenUp) {
    serve_file("x");
    auto status = get(WebServer::http("/slow/x"), in_the_middle([&] { server_->stop(); }));
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.error().message, HasSubstr("/slow/x: Failed to connect to 127.0.0.1 port 8080"));
    EXPECT_THAT(status.error().message, HasSubstr("; tried 3 times"));
}

TEST_F(Remote, TimeIsLimited) {
    serve_file("x");
    limits_.time = 1s;
    EXPECT_THAT(refusal(WebServer::http("/slow/x")), HasSubstr("/slow/x: no end after 1 s, "));
    auto began = std::chrono::steady_clock::now();
    limits_.time = 60s;
    limits_.attempts = 1;
    EXPECT_THAT(refusal(WebServer::http("/drip/x")), HasSubstr("/drip/x: Operation too slow."));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 20s);
}

TEST_F(Remote, SizeIsLimited) {
    serve_file("x");
    limits_.bytes = kFileBytes / 2;
    for (const char* place : {"/files/x", "/chunked/x"}) {
        EXPECT_EQ(refusal(WebServer::http(place)), WebServer::http(place) + ": has more than 300000 bytes (other_config:download-megabytes)");
        EXPECT_LE(got().size(), kFileBytes / 2);
    }
    limits_.bytes = kFileBytes * 2;
    EXPECT_TRUE(get(WebServer::http("/chunked/x")).ok());
}

TEST_F(Remote, RedirectsAreLimited) {
    auto text = serve_file("x");
    ASSERT_TRUE(get(WebServer::http("/moved/x")).ok());
    EXPECT_EQ(got(), text);
    EXPECT_THAT(refusal(WebServer::http("/loop")), HasSubstr("Maximum (5) redirects followed"));
    // What was asked for by https does not come by http.
    EXPECT_TRUE(get(WebServer::http("/down/x")).ok());
    EXPECT_THAT(refusal(WebServer::https("/down/x")), HasSubstr("Protocol \"http\" not supported or disabled"));
}

TEST_F(Remote, CertificateMustBeTrusted) {
    serve_file("x");
    limits_.authorities.clear();   // those of the system, to which ours is not known
    EXPECT_THAT(refusal(WebServer::https("/files/x")), HasSubstr("certificate"));
    EXPECT_EQ(server_->answers(), "");
}

TEST_F(Remote, StatusSaysWhetherToTryAgain) {
    EXPECT_EQ(refusal(WebServer::http("/files/none")), WebServer::http("/files/none") + ": HTTP status 404");
    EXPECT_EQ(refusal(WebServer::http("/busy")), WebServer::http("/busy") + ": HTTP status 503; tried 3 times");
    EXPECT_EQ(server_->answers(), "404 503 503 503");
}

TEST_F(Remote, EndsWhenItIsTold) {
    serve_file("x");
    int asked = 0;
    auto status = get(WebServer::http("/drip/x"), {{}, [&] { return ++asked > 3 ? make_error("aborted") : Status(); }});
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().message, WebServer::http("/drip/x") + ": aborted");
}

TEST_F(Remote, UserInUrlIsRefused) {
    EXPECT_THAT(refusal("http://user:secret@127.0.0.1:8080/files/x"), HasSubstr("would stay in the history"));
    EXPECT_THAT(refusal("http://127.0.0.1:8080/files/a@b"), HasSubstr("HTTP status 404"));
}

// Answers each connection with the next of 'answers', and closes it.
class RawServer {
  public:
    explicit RawServer(std::vector<std::string> answers) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(8081);
        int on = 1;
        ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listener_.get(), 4), 0);
        thread_ = std::thread([this, answers = std::move(answers)] {
            for (const auto& answer : answers) {
                Fd client(::accept(listener_.get(), nullptr, nullptr));
                char request[4096];
                if (!client || ::read(client.get(), request, sizeof request) <= 0 ||
                    ::write(client.get(), answer.data(), answer.size()) < 0) {
                    return;
                }
                ::shutdown(client.get(), SHUT_WR);
                while (::read(client.get(), request, sizeof request) > 0) {
                }
            }
        });
    }
    ~RawServer() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }

  private:
    Fd listener_;
    std::thread thread_;
};

TEST_F(Remote, WrongSizesAndPartsAreSeen) {
    const std::string url = "http://127.0.0.1:8081/x", cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: \"1\"\r\n\r\n0123456789";
    {
        RawServer server({cut, cut, cut, cut});   // each sends the same ten of 100 bytes
        EXPECT_THAT(refusal(url), HasSubstr("transfer closed with 90 bytes remaining to read; tried 3 times"));
    }
    {
        RawServer server({cut, "HTTP/1.1 206 Part\r\nContent-Range: bytes 20-29/100\r\nContent-Length: 10\r\n\r\n0123456789"});
        EXPECT_EQ(refusal(url), url + ": the server sends another part than it was asked for");
    }
    {
        RawServer server({cut, "HTTP/1.1 206 Part\r\nContent-Range: bytes 10-14/15\r\nContent-Length: 5\r\n\r\n01234"});
        EXPECT_EQ(refusal(url), url + ": the server sends another part than it was asked for");
    }
    {
        RawServer server({cut, "HTTP/1.1 416 No range\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew"});
        ASSERT_TRUE(get(url).ok());   // it has become shorter
        EXPECT_EQ(got(), "new");
    }
}

// Packages, and who may have made them.
class RemotePackage : public Remote {
  protected:
    void SetUp() override {
        Remote::SetUp();
        if (IsSkipped()) {
            return;
        }
        fs::create_directory(top_ / "keyrings");
        fs::create_directory(top_ / "gnupg");
        fs::permissions(top_ / "gnupg", fs::perms::owner_all);
        write(top_ / "control", "");
        make_package(server_->file("new.deb"), "3.9.1-1");
    }
    void TearDown() override {
        if (!top_.empty()) {
            run({"gpgconf", "--kill", "gpg-agent"}, {{"GNUPGHOME", (top_ / "gnupg").string()}});
        }
        Remote::TearDown();
    }

    void make_package(const fs::path& file, const std::string& version) {
        const fs::path root = top_ / "root", place = root / "usr/lib/openvswitch-switch/ovs-vswitchd";
        write(place, "#!/bin/sh\necho 'ovs-vswitchd (Open vSwitch) 3.9.1'\n# " + version + "\n");
        fs::permissions(place, fs::perms(0755));
        auto architecture = run({"dpkg", "--print-architecture"});
        write(root / "DEBIAN/control", "Package: openvswitch-switch\nVersion: " + version + "\nArchitecture: " + architecture +
                                           "Maintainer: test <test@localhost>\nDescription: test\n");
        run({"dpkg-deb", "--root-owner-group", "--build", root.string(), file.string()});
    }

    void gpg(std::vector<std::string> arguments) {
        std::vector<std::string> argv = {"gpg", "--batch", "--quiet", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        run(argv, {{"GNUPGHOME", (top_ / "gnupg").string()}});
    }
    // 'when': options that set gpg's clock.
    void make_key(const std::string& user, const std::string& expires = "never", const std::vector<std::string>& when = {}) {
        std::vector<std::string> arguments = when;
        arguments.insert(arguments.end(), {"--quick-generate-key", user, "ed25519", "sign", expires});
        gpg(arguments);
    }
    void trust(const std::string& user) { gpg({"--output", (top_ / "keyrings" / (user + ".gpg")).string(), "--export", user}); }
    void sign(const std::string& user, const std::vector<std::string>& when = {}, const std::string& file = "new.deb") {
        std::vector<std::string> arguments = when;
        arguments.insert(arguments.end(), {"--armor", "--local-user", user, "--detach-sign", server_->file(file).string()});
        gpg(arguments);
    }

    Result<Release> fetch_from(const std::string& from, std::optional<std::string> sha256 = {},
                               std::optional<std::string> signature = {}) {
        fs::remove_all(top_ / "staging");
        fs::create_directory(top_ / "staging");
        return fetch({from, std::move(sha256), std::move(signature)},
                     {"/nonexistent", top_ / "kept", top_ / "keyrings", top_ / "control", unverified_, limits_, {}}, top_ / "staging");
    }
    // The message of the Error; and nothing may be left then.
    std::string why(const Result<Release>& release) {
        EXPECT_TRUE(fs::is_empty(top_ / "staging"));
        return release.ok() ? "no error" : release.error().message;
    }

    bool unverified_ = false;
    const std::string url_ = WebServer::http("/files/new.deb");
};

TEST_F(RemotePackage, WithGoodSignatureIsTaken) {
    make_key("us");
    trust("us");
    sign("us");
    auto release = fetch_from(url_);
    ASSERT_TRUE(release.ok()) << release.error().message;
    EXPECT_EQ(release->version, "3.9.1");
    EXPECT_EQ(release->package_version, "3.9.1-1");
    EXPECT_EQ(release->source, url_);
    EXPECT_EQ(std::distance(fs::directory_iterator(top_ / "staging"), {}), 1);   // the tree alone
    // The signature elsewhere; and of a local file.
    fs::rename(server_->file("new.deb.asc"), server_->file("other.asc"));
    EXPECT_TRUE(fetch_from(url_, {}, WebServer::http("/files/other.asc")).ok());
    EXPECT_TRUE(fetch_from(url_, {}, server_->file("other.asc").string()).ok());
    EXPECT_TRUE(fetch_from(server_->file("new.deb").string(), {}, server_->file("other.asc").string()).ok());
}

TEST_F(RemotePackage, WithoutGoodSignatureIsRefused) {
    EXPECT_THAT(why(fetch_from(url_)), HasSubstr("its signature cannot be fetched, and no --sha256 says what it must be: " + url_ + ".asc: HTTP status 404"));
    make_key("us");
    make_key("others");
    sign("others");
    EXPECT_THAT(why(fetch_from(url_)), HasSubstr("its signature cannot be checked: " + (top_ / "keyrings").string() + " has no keyring"));
    trust("us");
    EXPECT_THAT(why(fetch_from(url_)), testing::MatchesRegex(url_ + ": refused: key [0-9A-F]+ is in no keyring in .*"));
    trust("others");
    EXPECT_TRUE(fetch_from(url_).ok());
    make_package(server_->file("new.deb"), "3.9.1-2");   // after it was signed
    EXPECT_THAT(why(fetch_from(url_)), testing::MatchesRegex(url_ + ": refused: its signature by key [0-9A-F]+ is of another file, or damaged"));
    write(server_->file("new.deb.asc"), "no signature");
    EXPECT_EQ(why(fetch_from(url_)), url_ + ": refused: its signature is none");
    EXPECT_EQ(why(fetch_from(server_->file("new.deb").string(), {}, server_->file("new.deb.asc").string())),
              server_->file("new.deb").string() + ": refused: its signature is none");
}

TEST_F(RemotePackage, ByKeyThatHasExpiredOrWasRevokedIsRefused) {
    const std::vector<std::string> then = {"--faked-system-time", "20200101T000000"};
    make_key("old", "1d", then);
    trust("old");
    sign("old", then);
    EXPECT_THAT(why(fetch_from(url_)), testing::MatchesRegex(url_ + ": refused: key [0-9A-F]+ has expired"));

    make_key("lost");
    sign("lost");
    for (const auto& entry : fs::directory_iterator(top_ / "gnupg/openpgp-revocs.d")) {
        auto text = read(entry.path());   // guarded by a colon against being used by accident
        write(top_ / "revocation", text.substr(text.find(":-----BEGIN") + 1));
        gpg({"--import", (top_ / "revocation").string()});
    }
    fs::remove(top_ / "keyrings/old.gpg");
    trust("lost");
    EXPECT_THAT(why(fetch_from(url_)), testing::MatchesRegex(url_ + ": refused: key [0-9A-F]+ was revoked"));
}

TEST_F(RemotePackage, KeyringThatOthersMayWriteIsRefused) {
    make_key("us");
    trust("us");
    sign("us");
    fs::permissions(top_ / "keyrings/us.gpg", fs::perms::others_write, fs::perm_options::add);
    EXPECT_THAT(why(fetch_from(url_)), HasSubstr("us.gpg: refused: everybody may write it"));
}

TEST_F(RemotePackage, DigestDoesWhereOnlyRootCanAsk) {
    auto digest = *sha256_of(server_->file("new.deb"));
    EXPECT_TRUE(fetch_from(url_, digest).ok());
    EXPECT_THAT(why(fetch_from(url_, std::string(64, 'a'))), HasSubstr(url_ + ": its SHA-256 is " + digest));
    fs::permissions(top_ / "control", fs::perms::others_write, fs::perm_options::add);
    EXPECT_THAT(why(fetch_from(url_, digest)), HasSubstr("--sha256 alone does not verify it, as not only root can ask for it: give --signature"));
    make_key("us");
    trust("us");
    sign("us");
    EXPECT_TRUE(fetch_from(url_, digest, url_ + ".asc").ok());
    EXPECT_TRUE(fetch_from(url_).ok());
}

TEST_F(RemotePackage, NeedNotBeVerifiedWhereThatIsConfigured) {
    unverified_ = true;
    EXPECT_TRUE(fetch_from(url_).ok());
    EXPECT_THAT(why(fetch_from(url_, std::string(64, 'a'))), HasSubstr("its SHA-256 is"));
}

TEST_F(RemotePackage, ThatIsNoneIsRefused) {
    unverified_ = true;
    serve_file("new.deb");
    EXPECT_EQ(why(fetch_from(url_)), url_ + ": not a Debian package");
}

TEST(JudgeSignature, OneGoodAndNoneBad) {
    auto verdict = [](const std::string& status) {
        auto result = judge_signature(status, "/k");
        return result ? "good" : result.error().message;
    };
    EXPECT_EQ(verdict("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG AB us\n[GNUPG:] VALIDSIG X\n"), "good");
    EXPECT_EQ(verdict("[GNUPG:] ERRSIG CD 1 2 00 0 9\n[GNUPG:] NO_PUBKEY CD\n[GNUPG:] GOODSIG AB us\n"), "good");
    EXPECT_EQ(verdict("[GNUPG:] GOODSIG AB us\n[GNUPG:] BADSIG CD them\n"), "refused: its signature by key CD is of another file, or damaged");
    EXPECT_EQ(verdict("[GNUPG:] EXPSIG AB us\n"), "refused: the signature by key AB has expired");
    EXPECT_EQ(verdict("[GNUPG:] NODATA 4\n"), "refused: its signature is none");
    EXPECT_EQ(verdict("gpgv: says [GNUPG:] GOODSIG AB us\n"), "refused: its signature is none");
}

// apt with a configuration and an archive of its own.
class Archive : public RemotePackage {
  protected:
    void SetUp() override {
        RemotePackage::SetUp();
        if (IsSkipped()) {
            return;
        }
        for (const char* directory : {"state/lists/partial", "cache/archives/partial", "etc/apt.conf.d"}) {
            fs::create_directories(top_ / "apt" / directory);
        }
        write(top_ / "apt/apt.conf", "Dir::State \"" + (top_ / "apt/state").string() + "\";\nDir::Cache \"" + (top_ / "apt/cache").string() +
                                         "\";\nDir::Etc \"" + (top_ / "apt/etc").string() + "\";\nDir::State::status \"/var/lib/dpkg/status\";\n");
        write(top_ / "apt/etc/sources.list", "deb [signed-by=" + (top_ / "keyrings/archive.gpg").string() + "] " +
                                                 WebServer::http("/files") + " ./\n");
        ::setenv("APT_CONFIG", (top_ / "apt/apt.conf").c_str(), 1);
        make_key("archive");
        trust("archive");
        make_package(server_->file("switch_3.9.1-2.deb"), "3.9.1-2");
        publish();
        run({"apt-get", "-qq", "update"});
    }
    void TearDown() override {
        ::unsetenv("APT_CONFIG");
        RemotePackage::TearDown();
    }

    void publish() {
        write(server_->file("Packages"), run({"env", "--chdir=" + server_->path("files"), "apt-ftparchive", "packages", "."}));
        write(server_->file("Release"), run({"env", "--chdir=" + server_->path("files"), "apt-ftparchive", "release", "."}));
        gpg({"--local-user", "archive", "--output", server_->file("InRelease").string(), "--clear-sign", server_->file("Release").string()});
    }
};

TEST_F(Archive, GivesTheNewestOrAVersion) {
    auto newest = fetch_from("apt"), older = fetch_from("apt:3.9.1-1");
    ASSERT_TRUE(newest.ok()) << newest.error().message;
    ASSERT_TRUE(older.ok()) << older.error().message;
    EXPECT_EQ(newest->package_version, "3.9.1-2");
    EXPECT_EQ(older->package_version, "3.9.1-1");
    EXPECT_EQ(std::distance(fs::directory_iterator(top_ / "staging"), {}), 1);   // the tree alone
    EXPECT_THAT(why(fetch_from("apt:4.0-1")), HasSubstr("Version '4.0-1' for 'openvswitch-switch' was not found"));
    EXPECT_THAT(why(fetch_from("apt:1 curl")), HasSubstr("version '1 curl': is none of a package"));
}

TEST_F(Archive, PackageThatIsNotTheArchivesIsRefused) {
    make_package(server_->file("switch_3.9.1-2.deb"), "3.9.1-2");   // another build: another time in it
    write(server_->file("switch_3.9.1-2.deb"), read(server_->file("switch_3.9.1-2.deb")) + "more");
    EXPECT_THAT(why(fetch_from("apt")), HasSubstr("apt-get download"));
}

TEST_F(Archive, WithoutTrustedSignatureIsRefused) {
    fs::remove(server_->file("InRelease"));
    fs::remove_all(top_ / "apt/state/lists");
    fs::create_directories(top_ / "apt/state/lists/partial");
    write(top_ / "apt/etc/sources.list", "deb [allow-insecure=yes] " + WebServer::http("/files") + " ./\n");
    run({"apt-get", "-qq", "update"});
    EXPECT_THAT(why(fetch_from("apt")), HasSubstr("authenticated"));
}

}  // namespace
}  // namespace hitless::software
