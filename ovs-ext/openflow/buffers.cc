#include "base/openvswitch.h"

#include "openflow/buffers.h"

namespace hitless::openflow {

namespace {

std::string squeeze(std::string_view text) {
    std::string line;
    for (char c : text) {
        if (c == '\n' || c == '\t') {
            c = ' ';
        }
        if (c != ' ' || (!line.empty() && line.back() != ' ')) {
            line += c;
        }
    }
    while (!line.empty() && line.back() == ' ') {
        line.pop_back();
    }
    return line;
}

}  // namespace

void DeleteBuffer::operator()(ofpbuf* buffer) const {
    ofpbuf_delete(buffer);
}

Message to_message(ofpbuf* buffer) {
    Buffer owned(buffer);
    ofpmsg_update_length(buffer);
    const auto* data = static_cast<const uint8_t*>(buffer->data);
    return Message(data, data + buffer->size);
}

std::string to_bytes(ofpbuf* buffer) {
    Buffer owned(buffer);
    ofpmsg_update_length(buffer);
    static_cast<ofp_header*>(buffer->data)->xid = 0;
    return std::string(static_cast<const char*>(buffer->data), buffer->size);
}

std::string to_text(std::string_view message) {
    MallocString text(ofp_to_string(message.data(), message.size(), nullptr, nullptr, 1));
    return squeeze(text.get());
}

Text::Text() : ds_(std::make_unique<ds>()) {
    ds_init(ds_.get());
}

Text::~Text() {
    ds_destroy(ds_.get());
}

std::string Text::one_line() const {
    return squeeze({ds_->string ? ds_->string : "", ds_->length});
}

}  // namespace hitless::openflow
