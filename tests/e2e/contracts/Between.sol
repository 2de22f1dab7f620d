// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

// A token that logs and pays in turns, in frames of its own: only the position of a log among the calls of its
// frame tells the true order. The logs count 1, 2, 3 ... and the payments are multiples of `unit`.
contract Between {
    event Transfer(address indexed from, address indexed to, uint256 value);

    receive() external payable {}

    function play(address payable a, address payable b, uint256 unit) external payable {
        emit Transfer(address(this), a, 1);
        pay(a, unit);
        emit Transfer(address(this), a, 2);
        emit Transfer(a, b, 3);
        pay(b, 2 * unit);
        this.look();
        emit Transfer(b, a, 4);
        this.nested(a, unit);
        emit Transfer(a, b, 7);
        try this.undone(b, unit) {} catch {}
        emit Transfer(address(this), b, 8);
        pay(b, 4 * unit);
        sha256(abi.encode(unit));
        emit Transfer(address(this), a, 9);
        pay(a, 5 * unit);
        emit Transfer(b, a, 10);
    }

    function nested(address payable a, uint256 unit) external {
        emit Transfer(address(this), a, 5);
        pay(a, 3 * unit);
        emit Transfer(address(this), a, 6);
    }

    // A call that leaves no row but has its place among the calls; so do look() and the precompiled sha256.
    function undone(address payable b, uint256 unit) external {
        emit Transfer(address(this), b, 77);
        pay(b, unit);
        revert("undone");
    }

    function look() external view returns (uint256) {
        return address(this).balance;
    }

    function pay(address payable to, uint256 amount) internal {
        (bool ok, ) = to.call{value: amount}("");
        require(ok);
    }
}
