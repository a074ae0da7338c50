// A push service on Go's net/http, which brings its own HTTP/2: another server that is not ours.
//
// go run apns.go KEY CERTIFICATE CLIENT_CA; speaks as apns.js does, with fewer rules. It demands a client certificate of
// CLIENT_CA in the TLS handshake, so that another one is refused by an alert.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type rules struct {
	All         string `json:"all"`
	Delay       int    `json:"delay"`
	GoawayAfter int    `json:"goawayAfter"`
}

type stats struct {
	Requests    int               `json:"requests"`
	Connections int               `json:"connections"`
	Tokens      int               `json:"tokens"`
	Repeated    int               `json:"repeated"`
	Bodies      []string          `json:"bodies"`
	Headers     map[string]string `json:"headers"`
}

var (
	mutex       sync.Mutex
	now         rules
	seen        = map[string]int{}
	bodies      = map[string]bool{}
	headers     map[string]string
	requests    int
	connections int
)

var answers = map[string]struct {
	status int
	body   string
}{
	"4000": {400, `{"reason":"BadDeviceToken"}`},
	"4001": {400, `{"reason":"DeviceTokenNotForTopic"}`},
	"4002": {400, `{"reason":"SomethingNew"}`},
	"4030": {403, `{"reason":"BadCertificate"}`},
	"4100": {410, `{"reason":"Unregistered","timestamp":1730000000000}`},
	"4290": {429, `{"reason":"TooManyRequests"}`},
	"5000": {500, `{"reason":"InternalServerError"}`},
	"5030": {503, `{"reason":"ServiceUnavailable"}`},
}

func push(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	token := strings.TrimPrefix(r.URL.Path, "/3/device/")
	rule := note(token, string(body), r)
	id := r.Header.Get("apns-id")
	if id == "" {
		id = "0E8F4C0A-6E0C-4A2C-9E0A-000000000002"
	}
	w.Header().Set("apns-id", id)
	switch rule {
	case "0511":
		<-r.Context().Done()
		return
	case "7571":
		panic(http.ErrAbortHandler) // RST_STREAM, INTERNAL_ERROR
	}
	if answer, known := answers[rule]; known {
		w.WriteHeader(answer.status)
		io.WriteString(w, answer.body)
	}
}

func note(token string, body string, r *http.Request) string {
	mutex.Lock()
	defer mutex.Unlock()
	requests++
	seen[token]++
	bodies[body] = true
	if headers == nil {
		headers = map[string]string{":method": r.Method, ":path": r.URL.Path, ":authority": r.Host, "protocol": r.Proto}
		for name, values := range r.Header {
			headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	if now.Delay > 0 {
		mutex.Unlock()
		time.Sleep(time.Duration(now.Delay) * time.Millisecond)
		mutex.Lock()
	}
	if now.All != "" {
		return now.All
	}
	if len(token) < 5 || (token[4] == '1' && seen[token] > 1) {
		return ""
	}
	return token[:4]
}

func goodbyes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		every := now.GoawayAfter
		count := requests + 1
		mutex.Unlock()
		if every > 0 && count%every == 0 {
			w.Header().Set("Connection", "close") // net/http's way to a graceful GOAWAY
		}
		next.ServeHTTP(w, r)
	})
}

func command(line string) any {
	var given map[string]json.RawMessage
	json.Unmarshal([]byte(line), &given)
	mutex.Lock()
	defer mutex.Unlock()
	if value, found := given["set"]; found {
		now = rules{}
		json.Unmarshal(value, &now)
		seen, bodies, headers, requests, connections = map[string]int{}, map[string]bool{}, nil, 0, 0
		return struct{}{}
	}
	answer := stats{Requests: requests, Connections: connections, Tokens: len(seen), Headers: headers}
	for _, times := range seen {
		if times > 1 {
			answer.Repeated++
		}
	}
	for body := range bodies {
		answer.Bodies = append(answer.Bodies, body)
	}
	return answer
}

func main() {
	roots := x509.NewCertPool()
	ca, _ := os.ReadFile(os.Args[3])
	roots.AppendCertsFromPEM(ca)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Handler:   goodbyes(http.HandlerFunc(push)),
		TLSConfig: &tls.Config{ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert},
		ErrorLog:  log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				mutex.Lock()
				connections++
				mutex.Unlock()
			}
		},
	}
	go server.ServeTLS(listener, os.Args[2], os.Args[1])
	fmt.Printf("{\"port\": %d}\n", listener.Addr().(*net.TCPAddr).Port)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, _ := json.Marshal(command(lines.Text()))
		fmt.Println(string(answer))
	}
}
