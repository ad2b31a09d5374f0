// A line echo server on libevent: a bufferevent for each connection, its lines found with evbuffer_search_eol.

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
    BACKLOG = 4096,
    OUTPUT_MAX_SIZE = 256 * 1024, // A peer that leaves more than this untaken is not read from until it has taken all.
};

static bool discards;

static void on_read(struct bufferevent *connection, void *context) {
    (void)context;
    struct evbuffer *input = bufferevent_get_input(connection);
    struct evbuffer *output = bufferevent_get_output(connection);
    struct evbuffer_ptr lf;
    while ((lf = evbuffer_search_eol(input, NULL, NULL, EVBUFFER_EOL_LF)).pos >= 0) {
        size_t size = (size_t)lf.pos + 1;
        if (discards) {
            evbuffer_drain(input, size);
        } else {
            evbuffer_remove_buffer(input, output, size);
        }
    }
    if (evbuffer_get_length(output) > OUTPUT_MAX_SIZE) {
        bufferevent_disable(connection, EV_READ);
    }
}

static void on_drained(struct bufferevent *connection, void *context) {
    (void)context;
    bufferevent_enable(connection, EV_READ);
}

static void close_drained(struct bufferevent *connection, void *context) {
    (void)context;
    bufferevent_free(connection);
}

static void close_broken(struct bufferevent *connection, short events, void *context) {
    (void)events;
    (void)context;
    bufferevent_free(connection);
}

// The peer sends no more, or is gone. In the first case it still gets its replies.
static void on_event(struct bufferevent *connection, short events, void *context) {
    (void)context;
    if ((events & BEV_EVENT_EOF) && evbuffer_get_length(bufferevent_get_output(connection)) > 0) {
        bufferevent_setcb(connection, NULL, close_drained, close_broken, NULL);
        bufferevent_disable(connection, EV_READ);
    } else {
        bufferevent_free(connection);
    }
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int size, void *context) {
    (void)listener;
    (void)address;
    (void)size;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct bufferevent *connection = bufferevent_socket_new(context, fd, BEV_OPT_CLOSE_ON_FREE);
    if (connection == NULL) {
        evutil_closesocket(fd);
        return;
    }
    bufferevent_setcb(connection, on_read, on_drained, on_event, NULL);
    bufferevent_enable(connection, EV_READ | EV_WRITE);
}

int main(int argc, char **argv) {
    bool knows_handler = argc == 5 && strcmp(argv[3], "--handler") == 0 && (strcmp(argv[4], "echo") == 0 || strcmp(argv[4], "discard") == 0);
    if ((argc != 3 && !knows_handler) || strcmp(argv[1], "--port") != 0) {
        fprintf(stderr, "usage: libevent --port N [--handler echo|discard]\n");
        return 2;
    }
    discards = knows_handler && strcmp(argv[4], "discard") == 0;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);

    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct event_base *base = event_base_new();
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, on_accept, base, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, BACKLOG, (struct sockaddr *)&name, sizeof name);
    if (listener == NULL) {
        fprintf(stderr, "libevent: bind: %s\n", strerror(errno));
        return 1;
    }
    event_base_dispatch(base);
    return 1;
}
