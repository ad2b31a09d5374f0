// A line echo server as Go has it: a goroutine for each connection, a bufio.Reader and a bufio.Writer.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"runtime"

	"gopkg.in/redis.v5"
)

// Replies are flushed when no further complete line is buffered. To ask whether anything is buffered would be
// wrong: the beginning of a line would hold back the replies to the lines before it.
func hasLine(reader *bufio.Reader) bool {
	buffered, _ := reader.Peek(reader.Buffered())
	return bytes.IndexByte(buffered, '\n') >= 0
}

func echo(connection net.Conn) {
	reply(connection, func(line []byte) ([]byte, error) { return line, nil })
}

// Lets other goroutines run before each reply.
func awaitYield(connection net.Conn) {
	reply(connection, func(line []byte) ([]byte, error) {
		runtime.Gosched()
		return line, nil
	})
}

// Passes each line to a second goroutine of the connection and back. Unbuffered channels: one line is under
// way at a time.
func awaitTask(connection net.Conn) {
	there, back := make(chan []byte), make(chan []byte)
	defer close(there)
	go func() {
		for line := range there {
			back <- line
		}
	}()
	reply(connection, func(line []byte) ([]byte, error) {
		there <- line
		return <-back, nil
	})
}

// Sends the text of each line to Redis, which sends it back. The client has a pool of connections, and each
// command has a connection to itself.
func awaitRemote(client *redis.Client, concurrency int) func(net.Conn) {
	ask := func(line []byte) ([]byte, error) {
		text, err := client.Echo(line[:len(line)-1]).Bytes()
		return append(text, '\n'), err
	}
	return func(connection net.Conn) {
		if concurrency == 1 {
			reply(connection, ask)
		} else {
			replyConcurrently(connection, concurrency, ask)
		}
	}
}

// Replies to each line, in order, with what `handle` makes of it.
func reply(connection net.Conn, handle func(line []byte) ([]byte, error)) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	writer := bufio.NewWriter(connection)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return // The end. The beginning of a line without its LF is dropped.
		}
		answer, err := handle(line)
		if err != nil {
			log.Print(err)
			return
		}
		if _, err := writer.Write(answer); err != nil {
			return
		}
		if !hasLine(reader) {
			if err := writer.Flush(); err != nil {
				return
			}
		}
	}
}

// Handles up to `concurrency` lines of a connection at once, each in a goroutine of its own. The writer takes
// the answers in the order of lines.
func replyConcurrently(connection net.Conn, concurrency int, handle func(line []byte) ([]byte, error)) {
	// One more line is with the writer.
	pending := make(chan chan []byte, concurrency-1)
	defer close(pending)
	go writeInOrder(connection, pending)
	reader := bufio.NewReader(connection)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return // The end. The beginning of a line without its LF is dropped.
		}
		answer := make(chan []byte, 1)
		pending <- answer
		go func() {
			defer close(answer)
			text, err := handle(line)
			if err != nil {
				log.Print(err)
				return
			}
			answer <- text
		}()
	}
}

func writeInOrder(connection net.Conn, pending <-chan chan []byte) {
	if err := writeAll(bufio.NewWriter(connection), pending); err != nil {
		log.Print(err)
	}
	connection.Close() // The reader ends, and closes the channel.
	for range pending {
	}
}

// Replies are flushed when no further line is pending. A line without an answer ends the connection.
func writeAll(writer *bufio.Writer, pending <-chan chan []byte) error {
	for answer := range pending {
		text, ok := <-answer
		if !ok {
			return writer.Flush()
		}
		if _, err := writer.Write(text); err != nil {
			return err
		}
		if len(pending) == 0 {
			if err := writer.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func discard(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for {
		if _, err := reader.ReadBytes('\n'); err != nil {
			return
		}
	}
}

// The runtime raises the limit of descriptors, takes the backlog from net.core.somaxconn, and sets TCP_NODELAY.
func main() {
	port := flag.Int("port", 7007, "listen on this port of 127.0.0.1")
	handler := flag.String("handler", "echo", "what is done with lines: "+
		"`echo|discard|await-yield|await-task|await-remote`")
	remote := flag.Int("redis", 6379, "await-remote asks the Redis on this port of 127.0.0.1")
	concurrency := flag.Int("concurrency", 1, "await-remote handles up to this many lines of a connection at once")
	flag.Parse()
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", *remote)})
	serve, ok := map[string]func(net.Conn){
		"echo": echo, "discard": discard, "await-yield": awaitYield, "await-task": awaitTask,
		"await-remote": awaitRemote(client, *concurrency),
	}[*handler]
	if !ok {
		fmt.Fprintf(os.Stderr, "there is no handler %q\n", *handler)
		flag.Usage()
		os.Exit(2)
	}
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Print(err)
			continue
		}
		go serve(connection)
	}
}
