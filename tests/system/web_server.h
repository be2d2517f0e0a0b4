// A real web server, nginx, on the loopback interface, with files below a directory of the test's.
//
//   http://127.0.0.1:8080 and https://127.0.0.1:8443, its certificate by the authority in authority.pem
//   /files/NAME      the file                            /chunked/NAME   without its length
//   /slow/NAME       200,000 bytes a second              /drip/NAME      20 bytes a second
//   /whole/NAME      200,000 bytes a second, without ranges
//   /moved/NAME      redirects to /files/NAME            /loop           redirects to itself
//   /down/NAME       redirects to /files/NAME by http    /busy           503
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/process.h"

namespace hitless::test {

class WebServer {
  public:
    explicit WebServer(const std::filesystem::path& top) : top_(top) {
        std::filesystem::create_directories(top_ / "files");
        run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path("key.pem"), "-out", path("authority.pem")});
        write_configuration();
        start();
    }
    ~WebServer() { stop(); }
    WebServer(const WebServer&) = delete;

    void start() {
        run({"nginx", "-p", top_.string(), "-c", path("nginx.conf"), "-e", path("error.log")});
        // It is in the background before it has written its pid, and a SIGTERM then may be lost until its worker answers.
        run({"curl", "--silent", "--show-error", "--fail", http("/ready")});
    }

    // Cuts its connections. Returns when it has ended.
    void stop() {
        if (auto process = pid() ? Process::open(pid()) : make_error("it does not run")) {
            (void) process->signal(SIGTERM).ok();
            EXPECT_TRUE(process->wait_end(std::chrono::seconds(10)).ok());
        }
    }

    std::filesystem::path file(const std::string& name) const { return top_ / "files" / name; }
    std::string path(const std::string& name) const { return (top_ / name).string(); }
    static std::string http(const std::string& where) { return "http://127.0.0.1:8080" + where; }
    static std::string https(const std::string& where) { return "https://127.0.0.1:8443" + where; }

    // Stops it. Returns the status codes of what it has answered in full since it was made: "200 206".
    std::string answers() {
        stop();
        std::ifstream log(top_ / "access.log");
        std::string text, status;
        while (log >> status) {
            text += (text.empty() ? "" : " ") + status;
        }
        return text;
    }

  private:
    // 0: it does not run.
    pid_t pid() const {
        std::ifstream file(top_ / "nginx.pid");
        pid_t number = 0;
        file >> number;
        return number;
    }

    static void run(const std::vector<std::string>& argv) {
        auto output = run_checked(argv);
        ASSERT_TRUE(output.ok()) << output.error().message;
    }

    void write_configuration() {
        std::ofstream(top_ / "nginx.conf") << R"(
user root;
pid nginx.pid;
worker_processes 1;
events { worker_connections 64; }
http {
  log_format status '$status';
  access_log access.log status;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
  root .;
  server {
    listen 127.0.0.1:8080;
    listen 127.0.0.1:8443 ssl;
    ssl_certificate authority.pem;
    ssl_certificate_key key.pem;
    location = /ready  { access_log off; return 204; }
    location /whole/   { alias files/; max_ranges 0; limit_rate 200000; }
    location /chunked/ { alias files/; ssi on; ssi_types *; }
    location /slow/    { alias files/; limit_rate 200000; }
    location /drip/    { alias files/; limit_rate 20; }
    location = /loop   { return 302 /loop; }
    location = /busy   { return 503; }
    location ~ ^/moved/(.*)$ { return 302 /files/$1; }
    location ~ ^/down/(.*)$  { return 302 http://127.0.0.1:8080/files/$1; }
  }
}
)";
    }

    std::filesystem::path top_;
};

}  // namespace hitless::test
