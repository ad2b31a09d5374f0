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
)

// Replies are sent when there is no further line to be had without waiting. To look whether anything at all is buffered would not do: the
// beginning of a line would keep the replies to those before it.
func hasLine(reader *bufio.Reader) bool {
	buffered, _ := reader.Peek(reader.Buffered())
	return bytes.IndexByte(buffered, '\n') >= 0
}

func echo(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	writer := bufio.NewWriter(connection)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return // The end; the beginning of a line that never came is no line.
		}
		if _, err := writer.Write(line); err != nil {
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
	flag.Func("handler", "what is done with lines, `echo|discard` (default echo)", func(name string) error {
		switch name {
		case "echo":
			serve = echo
		case "discard":
			serve = discard
		default:
			return errors.New("neither echo nor discard")
		}
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
