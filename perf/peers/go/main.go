// A line echo server as Go has it: a goroutine for each connection, a bufio.Reader and a bufio.Writer.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"runtime"
)

// Replies are flushed when no further complete line is buffered. To ask whether anything is buffered would be
// wrong: the beginning of a line would hold back the replies to the lines before it.
func hasLine(reader *bufio.Reader) bool {
	buffered, _ := reader.Peek(reader.Buffered())
	return bytes.IndexByte(buffered, '\n') >= 0
}

func echo(connection net.Conn) {
	reply(connection, func(line []byte) []byte { return line })
}

// Lets other goroutines run before each reply.
func awaitYield(connection net.Conn) {
	reply(connection, func(line []byte) []byte {
		runtime.Gosched()
		return line
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
	reply(connection, func(line []byte) []byte {
		there <- line
		return <-back
	})
}

// Replies to each line, in order, with what `handle` makes of it.
func reply(connection net.Conn, handle func(line []byte) []byte) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	writer := bufio.NewWriter(connection)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return // The end. The beginning of a line without its LF is dropped.
		}
		if _, err := writer.Write(handle(line)); err != nil {
			return
		}
		if !hasLine(reader) {
			if err := writer.Flush(); err != nil {
				return
			}
		}
	}
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
	serve := echo
	handlers := map[string]func(net.Conn){
		"echo": echo, "discard": discard, "await-yield": awaitYield, "await-task": awaitTask,
	}
	names := "`echo|discard|await-yield|await-task`"
	flag.Func("handler", "what is done with lines, "+names+" (default echo)", func(name string) error {
		handler, ok := handlers[name]
		if !ok {
			return errors.New("there is no such handler")
		}
		serve = handler
		return nil
	})
	flag.Parse()
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
